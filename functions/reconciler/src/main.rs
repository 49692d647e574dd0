//! The Lambda function around [`cardlake_reconciler::handle`].

use cardlake_aws::runtime::serve;
use cardlake_reconciler::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(cardlake_assets::embedded(), Context::new, handle).await
}
