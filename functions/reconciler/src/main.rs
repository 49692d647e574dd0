//! The Lambda function `reconciler`.

use cardlake_reconciler::{Context, handle};
use cardlake_shared::runtime::serve;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Context::new, handle).await
}
