//! The connection of the Delta kernel to S3: store, credentials, executor.
//!
//! Calls of the kernel block, so all of them run in [`blocking`]. Its requests use `object_store`, whose client is set up here
//! from the same configuration as the SDK's clients.

use super::error::DeltaError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use cardlake_aws::clients::Aws;
use delta_kernel::Engine;
use delta_kernel_default_engine::DefaultEngineBuilder;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use std::num::NonZero;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Mutex;
use url::Url;

/// Timeout of a request: well below the functions' timeout of a few minutes.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Retries.
const MAX_RETRIES: usize = 5;
/// Files of a log that are read at a time: with the kernel's default of 1,000, all commits since a checkpoint are in memory.
const CONCURRENT_LOG_FILES: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(15);
/// Credentials are refreshed this long before they expire.
const EXPIRY_MARGIN: Duration = Duration::from_secs(300);

/// The Delta tables of one bucket, or of a local folder.
#[derive(Clone)]
pub struct DeltaStore {
    pub(super) engine: Arc<dyn Engine>,
    bucket: String,
    /// URL of the parent of the tables' folders, with a trailing `/`.
    root: Url,
}

impl std::fmt::Debug for DeltaStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeltaStore")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl DeltaStore {
    /// Connects to a bucket; sends no request. Must be called within a multi-threaded tokio runtime, which serves the kernel's
    /// requests.
    ///
    /// # Errors
    /// The configuration has no region or credentials, or the runtime is not multi-threaded.
    pub fn new(aws: &Aws, bucket: &str) -> Result<Self, DeltaError> {
        let setup = |problem: String| DeltaError::Setup {
            bucket: bucket.to_owned(),
            problem,
        };
        let region = aws
            .sdk()
            .region()
            .ok_or_else(|| setup("no region is configured: set AWS_REGION".to_owned()))?;
        let provider = aws
            .sdk()
            .credentials_provider()
            .ok_or_else(|| setup("no credentials are configured".to_owned()))?;
        let mut options = ClientOptions::new().with_timeout(REQUEST_TIMEOUT);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region.as_ref())
            .with_credentials(Arc::new(SdkCredentials::new(provider)))
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: MAX_RETRIES,
                retry_timeout: REQUEST_TIMEOUT * 3,
            });
        if let Some(endpoint) = aws.s3_endpoint() {
            options = options.with_allow_http(endpoint.starts_with("http://"));
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder
            .with_client_options(options)
            .build()
            .map_err(|error| setup(error.to_string()))?;
        let root = Url::parse(&format!("s3://{bucket}/")).map_err(|error| setup(error.to_string()))?;
        Self::over(store, bucket, root)
    }

    /// Opens the tables in a local folder for reading. Must be called as [`Self::new`].
    ///
    /// # Errors
    /// The path is not absolute, or the runtime is not multi-threaded.
    pub fn folder(folder: &Path) -> Result<Self, DeltaError> {
        let name = folder.display().to_string();
        let root = Url::from_directory_path(folder).map_err(|()| DeltaError::Setup {
            bucket: name.clone(),
            problem: "its name does not begin at the root".to_owned(),
        })?;
        Self::over(LocalFileSystem::new(), &name, root)
    }

    fn over(store: impl ObjectStore, bucket: &str, root: Url) -> Result<Self, DeltaError> {
        let setup = |problem: String| DeltaError::Setup {
            bucket: bucket.to_owned(),
            problem,
        };
        let handle = Handle::try_current().map_err(|error| setup(error.to_string()))?;
        if handle.runtime_flavor() != RuntimeFlavor::MultiThread {
            return Err(setup("it needs a multi-threaded tokio runtime".to_owned()));
        }
        let executor = Arc::new(TokioMultiThreadExecutor::new(handle));
        let engine = DefaultEngineBuilder::new(Arc::new(store))
            .with_task_executor(executor)
            .with_buffer_size(CONCURRENT_LOG_FILES);
        Ok(Self {
            engine: Arc::new(engine.build()),
            bucket: bucket.to_owned(),
            root,
        })
    }

    /// Bucket, or path of the folder.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// URL of a table's folder, with a trailing `/`.
    pub(super) fn table_url(&self, table: &str) -> Result<Url, DeltaError> {
        self.root.join(&format!("{table}/")).map_err(|error| DeltaError::Setup {
            bucket: self.bucket.clone(),
            problem: format!("'{table}' is not the name of a folder: {error}"),
        })
    }
}

/// Runs blocking work on a dedicated thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeltaError> + Send + 'static,
) -> Result<T, DeltaError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|error| DeltaError::Interrupted(error.to_string()))?
}

/// Adapter of the SDK's credentials for `object_store`. It needs them for every request, and the SDK's provider may call a
/// service: so they are cached until shortly before they expire.
#[derive(Debug)]
struct SdkCredentials {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<(Arc<AwsCredential>, Option<SystemTime>)>>,
}

impl SdkCredentials {
    fn new(provider: SharedCredentialsProvider) -> Self {
        Self {
            provider,
            kept: Mutex::new(None),
        }
    }

    async fn current(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        if let Some((credential, expiry)) = kept.as_ref()
            && expiry.is_none_or(|expiry| expiry > SystemTime::now() + EXPIRY_MARGIN)
        {
            return Ok(Arc::clone(credential));
        }
        let given = self
            .provider
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic {
                store: "S3",
                source: Box::new(error),
            })?;
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        });
        *kept = Some((Arc::clone(&credential), given.expiry()));
        Ok(credential)
    }
}

impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    // The expansion of an `async fn` by `async_trait`, with which the trait is declared.
    fn get_credential<'a, 'b>(
        &'a self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.current())
    }
}
