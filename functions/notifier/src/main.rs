//! The Lambda function around [`cardlake_notifier::handle`].

use cardlake_aws::runtime::serve;
use cardlake_notifier::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(cardlake_assets::embedded(), Context::new, handle).await
}
