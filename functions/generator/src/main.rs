//! The Lambda function around [`cardlake_generator::handle`].

use cardlake_aws::runtime::serve;
use cardlake_generator::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(cardlake_assets::embedded(), Context::new, handle).await
}
