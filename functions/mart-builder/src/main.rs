//! The Lambda function around [`cardlake_mart_builder::handle`].

use cardlake_mart_builder::{Context, handle};
use cardlake_shared::runtime::serve;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Context::new, handle).await
}
