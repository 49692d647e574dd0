//! The notifier as a Lambda function.

use cardlake_notifier::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    cardlake_shared::runtime::serve(Context::new, handle).await
}
