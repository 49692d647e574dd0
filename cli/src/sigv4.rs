//! Checks AWS Signature Version 4 in the `Authorization` header, for the local servers that speak AWS JSON.
//!
//! Input: a request as it arrived, with its whole body. Guarantee: only a request that was signed with the server's own
//! credentials, for the right service, within 15 minutes and with this very body passes; signatures are compared in
//! constant time. Failure: an error with the code that AWS uses; it never tells the signature that was expected.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use hyper::http::HeaderMap;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// How far the clocks of client and server may differ.
const MAX_SKEW: Duration = Duration::from_secs(15 * 60);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The one pair of keys that a local server accepts, also under names that are derived from it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerCredentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
}

impl ServerCredentials {
    /// The pair under a name of its own: a server takes it as it takes the pair itself, and can tell who asks.
    #[must_use]
    pub fn of(&self, name: &str) -> Self {
        Self {
            access_key_id: format!("{}.{name}", self.access_key_id),
            secret_access_key: self.secret_access_key.clone(),
        }
    }

    /// The name under which an access key is this pair's, empty for its own; none: it is another key.
    #[must_use]
    pub fn name_in<'k>(&self, access_key_id: &'k str) -> Option<&'k str> {
        let rest = access_key_id.strip_prefix(&self.access_key_id)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('.')
        }
    }
}

impl fmt::Debug for ServerCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("Missing Authentication Token")]
    Missing,
    /// The header does not have the form of a signature.
    #[error("the Authorization header is not a complete AWS4-HMAC-SHA256 signature: {0}")]
    Incomplete(&'static str),
    /// Another access key than the server's.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The time of the request is too far from now.
    #[error("Signature expired: the time of the request is more than 15 minutes from the server's")]
    Expired,
    /// Anything that was signed is different.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method."
    )]
    Mismatch,
}

impl SignatureError {
    /// The error code of AWS, as SDKs know it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Expired | Self::Mismatch => "InvalidSignatureException",
        }
    }
}

/// A request as far as a signature covers it.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `POST`, ...
    pub method: &'a str,
    /// The path as it was sent, percent-encoded.
    pub path: &'a str,
    /// The query as it was sent, without `?`; empty if there is none.
    pub query: &'a str,
    /// All headers, with `host`.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// The parts of the header.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: Vec<u8>,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, SignatureError> {
        let incomplete = SignatureError::Incomplete;
        let fields = header.strip_prefix(ALGORITHM).ok_or(incomplete("another algorithm"))?;
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let credential = field("Credential").ok_or(incomplete("no Credential"))?;
        // The access key itself may hold slashes.
        let mut scope = credential.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(date), Some(access_key_id)) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(incomplete(
                "the Credential is not <key>/<date>/<region>/<service>/aws4_request",
            ));
        };
        let signed_headers = field("SignedHeaders").ok_or(incomplete("no SignedHeaders"))?;
        let signature = field("Signature").ok_or(incomplete("no Signature"))?;
        let signature = hex::decode(signature).map_err(|_| incomplete("the Signature is not hexadecimal"))?;
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers,
            signature,
        })
    }
}

/// Checks the signature of `request` for `service` (the signing name, such as `secretsmanager`) at the time `now`.
///
/// # Errors
/// The request is not signed, or not with these credentials, or not at this time, or not for this service, or was
/// changed on the way.
pub fn verify(
    request: &SignedRequest<'_>,
    credentials: &ServerCredentials,
    service: &str,
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = Authorization::parse(header("authorization").ok_or(SignatureError::Missing)?)?;
    let timestamp = header("x-amz-date").ok_or(SignatureError::Incomplete("no x-amz-date"))?;
    if credentials.name_in(authorization.access_key_id).is_none() {
        return Err(SignatureError::UnknownKey);
    }
    let time = NaiveDateTime::parse_from_str(timestamp, "%Y%m%dT%H%M%SZ")
        .map_err(|_| SignatureError::Incomplete("x-amz-date is not a time"))?
        .and_utc();
    let skew = now.signed_duration_since(time).abs().to_std().unwrap_or(Duration::MAX);
    if skew > MAX_SKEW {
        return Err(SignatureError::Expired);
    }
    // A signature that does not cover these could be moved to another server or another time.
    let covered: Vec<&str> = authorization.signed_headers.split(';').collect();
    if !covered.contains(&"host") || !covered.contains(&"x-amz-date") {
        return Err(SignatureError::Incomplete("SignedHeaders lacks host or x-amz-date"));
    }
    if authorization.service != service || !timestamp.starts_with(authorization.date) {
        return Err(SignatureError::Mismatch);
    }

    let scope = format!("{}/{}/{service}/aws4_request", authorization.date, authorization.region);
    let canonical = canonical_request(request, &covered, authorization.signed_headers)?;
    let to_sign = format!(
        "{ALGORITHM}\n{timestamp}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{}", credentials.secret_access_key).into_bytes();
    for part in [authorization.date, authorization.region, service, "aws4_request"] {
        key = keyed_hash(&key, part)?.finalize().into_bytes().to_vec();
    }
    keyed_hash(&key, &to_sign)?
        .verify_slice(&authorization.signature)
        .map_err(|_| SignatureError::Mismatch)
}

/// The name under which a request was signed ([`ServerCredentials::of`]); empty for the pair's own.
#[must_use]
pub fn principal<'h>(headers: &'h HeaderMap, credentials: &ServerCredentials) -> &'h str {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let authorization = header.and_then(|header| Authorization::parse(header).ok());
    authorization
        .and_then(|authorization| credentials.name_in(authorization.access_key_id))
        .unwrap_or_default()
}

fn keyed_hash(key: &[u8], text: &str) -> Result<Hmac<Sha256>, SignatureError> {
    // HMAC takes keys of every length, so the error does not happen.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).map_err(|_| SignatureError::Mismatch)?;
    mac.update(text.as_bytes());
    Ok(mac)
}

/// The text that is hashed and signed.
fn canonical_request(
    request: &SignedRequest<'_>,
    covered: &[&str],
    signed_headers: &str,
) -> Result<String, SignatureError> {
    let mut query: Vec<&str> = request.query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, query.join("&"));
    for name in covered {
        let mut values = request.headers.get_all(*name).iter().peekable();
        if values.peek().is_none() {
            return Err(SignatureError::Mismatch);
        }
        canonical.push_str(name);
        for (index, value) in values.enumerate() {
            canonical.push(if index == 0 { ':' } else { ',' });
            let value = value.to_str().map_err(|_| SignatureError::Mismatch)?;
            let words: Vec<&str> = value.split_ascii_whitespace().collect();
            canonical.push_str(&words.join(" "));
        }
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(signed_headers);
    canonical.push('\n');
    // Computed, not taken from the header: so the signature covers the body that is here.
    canonical.push_str(&hex::encode(Sha256::digest(request.body)));
    Ok(canonical)
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
