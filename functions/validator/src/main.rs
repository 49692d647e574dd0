//! The validator as a Lambda function.

use cardlake_shared::runtime;
use cardlake_validator::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::serve(Context::new, async |event, context: &Context| {
        handle(event, context).await
    })
    .await
}
