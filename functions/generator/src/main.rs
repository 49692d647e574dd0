//! The generator as a Lambda function.

use cardlake_generator::{Context, handle};
use cardlake_shared::runtime;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::serve(Context::new, async |event, context: &Context| {
        handle(event, context).await
    })
    .await
}
