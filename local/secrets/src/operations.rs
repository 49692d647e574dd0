//! The operations of Secrets Manager on the vault.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use cardlake_loopback::SignatureError;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::vault::{Secret, SecretValue, Secrets, Vault, VaultError, Version};

/// The stage of the version that is read by default.
const CURRENT: &str = "AWSCURRENT";
/// The stage of the version before it.
const PREVIOUS: &str = "AWSPREVIOUS";
/// What every ARN starts with.
const ARN_PREFIX: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
/// The largest value, in bytes.
const MAX_VALUE_BYTES: usize = 65_536;

/// An error of the service.
#[derive(Debug, Error)]
pub(crate) enum ServiceError {
    #[error("Secrets Manager can't find the specified secret.")]
    SecretNotFound,
    #[error("Secrets Manager can't find the specified secret value for {0}")]
    VersionNotFound(String),
    #[error("The operation failed because the secret {0} already exists.")]
    SecretExists(String),
    #[error("You can't use ClientRequestToken {0} because that value is already in use for another version.")]
    TokenInUse(String),
    #[error("{0}")]
    Validation(String),
    #[error("The operation {0} is not supported by this server.")]
    UnknownOperation(String),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("An error occurred on the server side.")]
    Internal,
}

impl From<VaultError> for ServiceError {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "the secrets could not be written");
        Self::Internal
    }
}

impl ServiceError {
    /// The error's name on the wire.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::SecretNotFound | Self::VersionNotFound(_) => "ResourceNotFoundException",
            Self::SecretExists(_) | Self::TokenInUse(_) => "ResourceExistsException",
            Self::Validation(_) => "ValidationException",
            Self::UnknownOperation(_) => "UnknownOperationException",
            Self::Signature(error) => error.code(),
            Self::Internal => "InternalServiceError",
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Signature(_) => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

type Result<T> = std::result::Result<T, ServiceError>;

/// Carries out one operation.
pub(crate) fn call(vault: &Vault, operation: &str, body: &[u8]) -> Result<Value> {
    match operation {
        "CreateSecret" => create(vault, parse(body)?),
        "PutSecretValue" => put(vault, parse(body)?),
        "GetSecretValue" => vault.read(|secrets| get(secrets, parse(body)?)),
        "DescribeSecret" => vault.read(|secrets| describe(secrets, &parse(body)?)),
        other => Err(ServiceError::UnknownOperation(other.to_owned())),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| ServiceError::Validation(format!("the request is not valid: {error}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    name: String,
    client_request_token: Option<String>,
    description: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    secret_id: String,
}

/// The value of a request, if it gives one.
fn value(string: Option<String>, binary: Option<String>) -> Result<Option<SecretValue>> {
    let value = match (string, binary) {
        (None, None) => return Ok(None),
        (Some(string), None) => SecretValue::String(string),
        (None, Some(binary)) => SecretValue::Binary(binary),
        (Some(_), Some(_)) => {
            return Err(ServiceError::Validation(
                "give SecretString or SecretBinary, not both".to_owned(),
            ));
        }
    };
    let (SecretValue::String(text) | SecretValue::Binary(text)) = &value;
    if text.len() > MAX_VALUE_BYTES {
        return Err(ServiceError::Validation(format!(
            "the value has more than {MAX_VALUE_BYTES} bytes"
        )));
    }
    Ok(Some(value))
}

/// The ARN of a name: with six characters at its end that follow from the name, as Secrets Manager's has random ones.
fn arn(name: &str) -> String {
    let suffix: String = Sha256::digest(name)
        .iter()
        .take(6)
        .map(|byte| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"[usize::from(byte % 32)]))
        .collect();
    format!("{ARN_PREFIX}{name}-{suffix}")
}

fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let problem = "a name has 1 to 512 letters, digits and characters of /_+=.@-".to_owned();
    Err(ServiceError::Validation(problem))
}

/// A secret and its name, by name, ARN, or ARN without its random suffix.
pub(crate) fn find<'a>(secrets: &'a Secrets, id: &str) -> Result<(&'a String, &'a Secret)> {
    let by_arn = || {
        secrets
            .iter()
            .find(|(name, secret)| secret.arn == id || id.strip_prefix(ARN_PREFIX) == Some(name))
    };
    secrets
        .get_key_value(id)
        .or_else(by_arn)
        .ok_or(ServiceError::SecretNotFound)
}

fn epoch(time: DateTime<Utc>) -> Value {
    // Milliseconds of our time are exact in a double.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds = time.timestamp_millis() as f64 / 1_000.0;
    Value::from(seconds)
}

fn create(vault: &Vault, request: Create) -> Result<Value> {
    check_name(&request.name)?;
    let value = value(request.secret_string, request.secret_binary)?;
    let version_id = request
        .client_request_token
        .unwrap_or_else(|| Uuid::new_v4().to_string());
    vault.change(|secrets| {
        if let Some(secret) = secrets.get(&request.name) {
            // The same request again, after its answer was lost.
            let repeated = secret
                .versions
                .get(&version_id)
                .is_some_and(|version| Some(&version.value) == value.as_ref());
            if !repeated {
                return Err(ServiceError::SecretExists(request.name));
            }
            return Ok(json!({ "ARN": secret.arn, "Name": request.name, "VersionId": version_id }));
        }
        let now = Utc::now();
        let mut answer = json!({ "ARN": arn(&request.name), "Name": request.name });
        let mut versions = BTreeMap::new();
        if let Some(value) = value {
            answer["VersionId"] = Value::from(version_id.clone());
            versions.insert(
                version_id,
                Version {
                    value,
                    created: now,
                    stages: vec![CURRENT.to_owned()],
                },
            );
        }
        let description = request.description;
        let secret = Secret {
            arn: arn(&request.name),
            description,
            created: now,
            changed: now,
            versions,
        };
        secrets.insert(request.name, secret);
        Ok(answer)
    })
}

fn put(vault: &Vault, request: Put) -> Result<Value> {
    let value = value(request.secret_string, request.secret_binary)?
        .ok_or_else(|| ServiceError::Validation("give SecretString or SecretBinary".to_owned()))?;
    let version_id = request
        .client_request_token
        .unwrap_or_else(|| Uuid::new_v4().to_string());
    vault.change(|secrets| {
        let name = find(secrets, &request.secret_id)?.0.clone();
        let secret = secrets.get_mut(&name).ok_or(ServiceError::SecretNotFound)?;
        let answer = |stages: &[String]| {
            json!({ "ARN": arn(&name), "Name": name, "VersionId": version_id, "VersionStages": stages })
        };
        if let Some(version) = secret.versions.get(&version_id) {
            if version.value != value {
                return Err(ServiceError::TokenInUse(version_id.clone()));
            }
            return Ok(answer(&version.stages));
        }
        for version in secret.versions.values_mut() {
            version.stages.retain(|stage| stage != PREVIOUS);
            for stage in &mut version.stages {
                if stage == CURRENT {
                    PREVIOUS.clone_into(stage);
                }
            }
        }
        secret.versions.retain(|_, version| !version.stages.is_empty());
        let now = Utc::now();
        secret.changed = now;
        let stages = vec![CURRENT.to_owned()];
        let answer = answer(&stages);
        secret.versions.insert(version_id.clone(), Version { value, created: now, stages });
        Ok(answer)
    })
}

fn get(secrets: &Secrets, request: Get) -> Result<Value> {
    let (name, secret) = find(secrets, &request.secret_id)?;
    let stage = match (&request.version_id, request.version_stage) {
        (None, None) => Some(CURRENT.to_owned()),
        (_, stage) => stage,
    };
    let found = secret.versions.iter().find(|(id, version)| {
        request.version_id.as_ref().is_none_or(|wanted| wanted == *id)
            && stage.as_ref().is_none_or(|stage| version.stages.contains(stage))
    });
    let (version_id, version) = found.ok_or_else(|| {
        ServiceError::VersionNotFound(match (&request.version_id, &stage) {
            (Some(id), _) => format!("VersionId: {id}"),
            (None, stage) => format!("staging label: {}", stage.as_deref().unwrap_or_default()),
        })
    })?;
    let mut answer = json!({
        "ARN": secret.arn, "Name": name, "VersionId": version_id, "VersionStages": version.stages,
        "CreatedDate": epoch(version.created),
    });
    match &version.value {
        SecretValue::String(text) => answer["SecretString"] = Value::from(text.clone()),
        SecretValue::Binary(text) => answer["SecretBinary"] = Value::from(text.clone()),
    }
    Ok(answer)
}

fn describe(secrets: &Secrets, request: &Describe) -> Result<Value> {
    let (name, secret) = find(secrets, &request.secret_id)?;
    let stages: BTreeMap<_, _> = secret
        .versions
        .iter()
        .map(|(id, version)| (id, &version.stages))
        .collect();
    let mut answer = json!({
        "ARN": secret.arn, "Name": name, "CreatedDate": epoch(secret.created),
        "LastChangedDate": epoch(secret.changed), "VersionIdsToStages": stages,
    });
    if let Some(description) = &secret.description {
        answer["Description"] = Value::from(description.clone());
    }
    Ok(answer)
}
