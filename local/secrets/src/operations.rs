//! The operations of Secrets Manager on the vault.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use cardlake_loopback::SignatureError;
use chrono::{DateTime, Duration, Utc};
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
    #[error("You can't perform this operation on the secret because it was marked for deletion.")]
    Deleted,
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
            Self::Deleted => "InvalidRequestException",
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
        "DeleteSecret" => delete(vault, &parse(body)?),
        "ListSecrets" => vault.read(|secrets| list(secrets, &parse(body)?)),
        "PutSecretValue" => put(vault, parse(body)?),
        "RestoreSecret" => restore(vault, &parse(body)?),
        "UpdateSecret" => update(vault, parse(body)?),
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

/// A request about a secret as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    secret_id: String,
    client_request_token: Option<String>,
    description: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    secret_id: String,
    recovery_window_in_days: Option<i64>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    include_planned_deletion: bool,
    max_results: Option<usize>,
    /// The name of the last secret of the page before.
    next_token: Option<String>,
}

/// What the listed secrets have to begin with, in one of these values.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    values: Vec<String>,
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

/// A secret and its name, by name, ARN, or ARN without its random suffix; not one that is to be deleted.
pub(crate) fn find<'a>(secrets: &'a Secrets, id: &str) -> Result<(&'a String, &'a Secret)> {
    let (name, secret) = find_any(secrets, id)?;
    if secret.deletion.is_some() {
        return Err(ServiceError::Deleted);
    }
    Ok((name, secret))
}

/// As [`find`], those to be deleted included.
fn find_any<'a>(secrets: &'a Secrets, id: &str) -> Result<(&'a String, &'a Secret)> {
    let by_arn = || {
        secrets
            .iter()
            .find(|(name, secret)| secret.arn == id || id.strip_prefix(ARN_PREFIX) == Some(name))
    };
    let found = secrets.get_key_value(id).or_else(by_arn);
    found
        .filter(|(_, secret)| secret.deletion.is_none_or(|time| time > Utc::now()))
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
        if let Ok((_, secret)) = find_any(secrets, &request.name) {
            if secret.deletion.is_some() {
                return Err(ServiceError::Deleted);
            }
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
            deletion: None,
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

fn describe(secrets: &Secrets, request: &Named) -> Result<Value> {
    let (name, secret) = find_any(secrets, &request.secret_id)?;
    Ok(description(name, secret))
}

fn description(name: &str, secret: &Secret) -> Value {
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
    if let Some(time) = secret.deletion {
        answer["DeletedDate"] = epoch(time);
    }
    answer
}

/// Secrets on one page of a listing, at most.
const PAGE: usize = 100;

fn list(secrets: &Secrets, request: &List) -> Result<Value> {
    if let Some(filter) = request.filters.iter().find(|filter| filter.key != "name") {
        let problem = format!("this server filters by name only, not by {}", filter.key);
        return Err(ServiceError::Validation(problem));
    }
    let page = request.max_results.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&page) {
        return Err(ServiceError::Validation(format!("MaxResults is 1 to {PAGE}")));
    }
    let now = Utc::now();
    let begins = |name: &str| {
        let mut filters = request.filters.iter();
        filters.all(|filter| filter.values.iter().any(|value| name.starts_with(value)))
    };
    let is_listed = |secret: &Secret| match secret.deletion {
        None => true,
        Some(time) => request.include_planned_deletion && time > now,
    };
    let mut found = secrets
        .iter()
        .filter(|(name, secret)| begins(name) && is_listed(secret))
        .filter(|(name, _)| request.next_token.as_ref().is_none_or(|last| *name > last));
    let mut listed = Vec::new();
    let mut last = None;
    for (name, secret) in found.by_ref().take(page) {
        let mut entry = description(name, secret);
        if let Some(fields) = entry.as_object_mut()
            && let Some(stages) = fields.remove("VersionIdsToStages")
        {
            fields.insert("SecretVersionsToStages".to_owned(), stages);
        }
        listed.push(entry);
        last = Some(name);
    }
    let mut answer = json!({ "SecretList": listed });
    if found.next().is_some()
        && let Some(last) = last
    {
        answer["NextToken"] = Value::from(last.clone());
    }
    Ok(answer)
}

fn update(vault: &Vault, request: Update) -> Result<Value> {
    let Update {
        secret_id,
        client_request_token,
        description,
        secret_string,
        secret_binary,
    } = request;
    let mut answer = vault.change(|secrets| {
        let name = find(secrets, &secret_id)?.0.clone();
        let secret = secrets.get_mut(&name).ok_or(ServiceError::SecretNotFound)?;
        if description.is_some() {
            secret.description = description;
            secret.changed = Utc::now();
        }
        Ok::<_, ServiceError>(json!({ "ARN": secret.arn, "Name": name }))
    })?;
    if secret_string.is_some() || secret_binary.is_some() {
        let written = put(
            vault,
            Put {
                secret_id,
                client_request_token,
                secret_string,
                secret_binary,
            },
        )?;
        answer["VersionId"] = written["VersionId"].clone();
    }
    Ok(answer)
}

/// Days until a deleted secret is gone for good, unless a request says otherwise.
const RECOVERY_DAYS: i64 = 30;

fn delete(vault: &Vault, request: &Delete) -> Result<Value> {
    let days = request.recovery_window_in_days;
    if days.is_some() && request.force_delete_without_recovery {
        let problem = "give RecoveryWindowInDays or ForceDeleteWithoutRecovery, not both".to_owned();
        return Err(ServiceError::Validation(problem));
    }
    if days.is_some_and(|days| !(7..=30).contains(&days)) {
        return Err(ServiceError::Validation("RecoveryWindowInDays is 7 to 30".to_owned()));
    }
    vault.change(|secrets| {
        let name = find_any(secrets, &request.secret_id)?.0.clone();
        let secret = secrets.get_mut(&name).ok_or(ServiceError::SecretNotFound)?;
        let window = Duration::days(days.unwrap_or(RECOVERY_DAYS));
        let time = if request.force_delete_without_recovery {
            Utc::now()
        } else {
            Utc::now() + window
        };
        secret.deletion = Some(time);
        let answer = json!({ "ARN": secret.arn, "Name": name, "DeletionDate": epoch(time) });
        if request.force_delete_without_recovery {
            secrets.remove(&name);
        }
        Ok(answer)
    })
}

fn restore(vault: &Vault, request: &Named) -> Result<Value> {
    vault.change(|secrets| {
        let name = find_any(secrets, &request.secret_id)?.0.clone();
        let secret = secrets.get_mut(&name).ok_or(ServiceError::SecretNotFound)?;
        secret.deletion = None;
        Ok(json!({ "ARN": secret.arn, "Name": name }))
    })
}
