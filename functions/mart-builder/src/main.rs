//! The Lambda function around [`cardlake_mart_builder::handle`].

use cardlake_aws::runtime::serve;
use cardlake_mart_builder::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(cardlake_assets::embedded(), Context::new, handle).await
}
