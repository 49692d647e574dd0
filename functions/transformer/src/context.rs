//! What an invocation needs: settings, contracts and clients, created once per container.

use crate::error::TransformerError;
use crate::pipeline::PipelineLimits;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_aws::token_keys;
use cardlake_core::contract::{Contract, Contracts, Protection};
use cardlake_core::env;
use cardlake_core::pii::Tokenizer;
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};

/// Objects transformed concurrently: one keeps all threads busy, the second fills the gaps.
const PARALLEL_OBJECTS: usize = 2;

/// Settings, contracts and clients of the stage.
#[derive(Debug)]
pub struct Context {
    pub(crate) bronze_bucket: String,
    pub(crate) silver_bucket: String,
    pub(crate) contracts: Contracts,
    pub(crate) storage: Storage,
    secrets: aws_sdk_secretsmanager::Client,
    /// Empty if no contract needs token keys.
    token_key_secret: String,
    tokenizer: OnceCell<Arc<Tokenizer>>,
    pub(crate) limits: PipelineLimits,
    pub(crate) objects: Semaphore,
}

impl Context {
    /// Reads the settings and contracts and creates the clients.
    ///
    /// # Errors
    /// All invalid settings at once, or an invalid contract.
    #[expect(clippy::unused_async, reason = "the same signature in every stage")]
    pub async fn new(resources: Resources) -> Result<Self, TransformerError> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let bronze_bucket = variables.required(env::BRONZE_BUCKET, "the bucket of the raw files");
        let silver_bucket = variables.required(env::SILVER_BUCKET, "the bucket of the Delta tables");
        // Report settings errors before contract errors.
        let contracts = Contracts::load(&assets);
        let protects = |contracts: &Contracts| contracts.iter().any(|contract| needs_token_keys(contract));
        let token_key_secret = if contracts.as_ref().is_ok_and(protects) {
            variables.required(
                env::TOKEN_KEY_SECRET,
                "the name or ARN of the secret with the token keys",
            )
        } else {
            String::new()
        };
        let (bronze_bucket, silver_bucket) = variables.finish((bronze_bucket, silver_bucket))?;
        Ok(Self {
            bronze_bucket,
            silver_bucket,
            contracts: contracts?,
            storage: Storage::new(aws.s3()),
            secrets: aws.secrets_manager(),
            token_key_secret,
            tokenizer: OnceCell::new(),
            limits: PipelineLimits::default(),
            objects: Semaphore::new(PARALLEL_OBJECTS),
        })
    }

    /// Replaces the token keys of Secrets Manager.
    #[must_use]
    pub fn with_tokenizer(mut self, tokenizer: Tokenizer) -> Self {
        self.tokenizer = OnceCell::new_with(Some(Arc::new(tokenizer)));
        self
    }

    /// The tokenizer, if the contract needs one. The token keys are loaded once.
    pub(crate) async fn tokenizer(&self, contract: &Contract) -> Result<Option<Arc<Tokenizer>>, TransformerError> {
        if !needs_token_keys(contract) {
            return Ok(None);
        }
        let load = || async {
            let tokenizer = token_keys::load(&self.secrets, &self.token_key_secret).await?;
            Ok::<_, TransformerError>(Arc::new(tokenizer))
        };
        Ok(Some(Arc::clone(self.tokenizer.get_or_try_init(load).await?)))
    }
}

/// Whether a dataset has columns that must not leave bronze in the clear.
fn needs_token_keys(contract: &Contract) -> bool {
    let mut columns = contract.columns.iter();
    columns.any(|column| column.protection != Protection::None)
}
