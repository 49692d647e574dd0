//! Clients of AWS services, made from one configuration.
//!
//! In Lambda everything comes from the environment, endpoints of an emulator included. The `cardlake` command passes the
//! endpoints of its own servers instead, so that one process can run stages without touching its environment.

use aws_config::SdkConfig;
use cardlake_core::config::Variables;
use cardlake_core::env;

/// Endpoints that replace the regional ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// S3.
    pub s3: Option<String>,
    /// Redshift Data API.
    pub redshift_data: Option<String>,
    /// Secrets Manager.
    pub secrets_manager: Option<String>,
    /// SNS.
    pub sns: Option<String>,
}

/// Credentials, region and endpoints, from which all clients are made.
#[derive(Debug, Clone)]
pub struct Aws {
    sdk: SdkConfig,
    endpoints: Endpoints,
    s3_endpoint: Option<String>,
}

impl Aws {
    /// From the environment (in Lambda: the function's role and region).
    pub async fn from_environment(variables: &Variables) -> Self {
        let sdk = aws_config::load_from_env().await;
        let s3_endpoint = variables
            .optional(env::AWS_ENDPOINT_URL_S3)
            .or_else(|| variables.optional(env::AWS_ENDPOINT_URL));
        // The SDK's configuration holds the endpoint for all services only.
        let endpoints = Endpoints {
            s3: s3_endpoint,
            ..Endpoints::default()
        };
        Self::new(sdk, endpoints)
    }

    /// With the given SDK configuration and endpoints.
    #[must_use]
    pub fn new(sdk: SdkConfig, endpoints: Endpoints) -> Self {
        let s3_endpoint = endpoints.s3.clone();
        Self {
            sdk,
            endpoints,
            s3_endpoint,
        }
    }

    /// The SDK configuration: region, credentials, timeouts.
    #[must_use]
    pub const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The endpoint that replaces S3, if any: for clients that are not made from [`Self::sdk`].
    #[must_use]
    pub fn s3_endpoint(&self) -> Option<&str> {
        self.s3_endpoint.as_deref()
    }

    /// A client for S3. Path-style addresses when an endpoint is given: emulators have no DNS names for buckets.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let mut builder = aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(self.s3_endpoint.is_some());
        // Otherwise the builder has the endpoint of the environment already, `AWS_ENDPOINT_URL_S3` included.
        if let Some(endpoint) = &self.endpoints.s3 {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        aws_sdk_s3::Client::from_conf(builder.build())
    }

    /// A client for the Redshift Data API.
    #[must_use]
    pub fn redshift_data(&self) -> aws_sdk_redshiftdata::Client {
        let mut builder = aws_sdk_redshiftdata::config::Builder::from(&self.sdk);
        if let Some(endpoint) = &self.endpoints.redshift_data {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        aws_sdk_redshiftdata::Client::from_conf(builder.build())
    }

    /// A client for Secrets Manager.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let mut builder = aws_sdk_secretsmanager::config::Builder::from(&self.sdk);
        if let Some(endpoint) = &self.endpoints.secrets_manager {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        aws_sdk_secretsmanager::Client::from_conf(builder.build())
    }

    /// A client for SNS.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        let mut builder = aws_sdk_sns::config::Builder::from(&self.sdk);
        if let Some(endpoint) = &self.endpoints.sns {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        aws_sdk_sns::Client::from_conf(builder.build())
    }
}
