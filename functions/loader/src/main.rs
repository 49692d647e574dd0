//! The Lambda function around [`cardlake_loader::handle`].

use cardlake_loader::{Context, handle};
use cardlake_shared::runtime::serve;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Context::new, handle).await
}
