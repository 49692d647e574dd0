//! The notifier as a Lambda function.

use cardlake_notifier::{Context, handle};
use cardlake_shared::runtime;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::serve(Context::new, async |event, context: &Context| {
        handle(event, context).await
    })
    .await
}
