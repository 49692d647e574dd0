//! The secret with the token keys, read from Secrets Manager.

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::pii::{MalformedTokenKeys, Tokenizer};

/// The token keys are unavailable.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// Secrets Manager did not answer with the secret.
    #[error("cannot read the token keys from secret '{secret}'")]
    Unavailable {
        /// Name or ARN of the secret.
        secret: String,
        /// What the service or the network said.
        source: Box<SdkError<GetSecretValueError>>,
    },
    /// The secret is not a document of token keys.
    #[error(transparent)]
    Malformed(#[from] MalformedTokenKeys),
}

impl StageError for TokenKeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable { source, .. } if is_transient(source) => ErrorKind::Transient,
            Self::Unavailable { .. } => ErrorKind::Configuration,
            Self::Malformed(error) => error.kind(),
        }
    }
}

/// Reads the token keys of a secret (name or ARN).
///
/// # Errors
/// The secret cannot be read, or is not a document of token keys.
pub async fn load(client: &aws_sdk_secretsmanager::Client, secret: &str) -> Result<Tokenizer, TokenKeyError> {
    let output = client
        .get_secret_value()
        .secret_id(secret)
        .send()
        .await
        .map_err(|source| TokenKeyError::Unavailable {
            secret: secret.to_owned(),
            source: Box::new(source),
        })?;
    let text = output.secret_string().ok_or(MalformedTokenKeys {
        problem: "it is binary, not text",
    })?;
    Ok(Tokenizer::from_secret(text)?)
}

/// Whether the same call may succeed later: throttled, 5xx, or no answer at all.
fn is_transient(error: &SdkError<GetSecretValueError>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let throttled = matches!(error.code(), Some("ThrottlingException" | "InternalServiceError"));
    throttled || matches!(status, Some(429 | 500..=599) | None)
}
