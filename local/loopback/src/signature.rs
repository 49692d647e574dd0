//! Verification of AWS Signature Version 4 in the `Authorization` header, for the local servers that speak AWS JSON.
//!
//! Input: a request as received, with its whole body. Guarantee: only a request that was signed with the server's own
//! credentials, for the right service, within 15 minutes and with this very body passes: the request is signed again by
//! the SDK's own signer, `aws-sigv4`, and the signatures are compared in constant time. Failure: an error with AWS's
//! error code; it never contains the expected signature.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use chrono::{DateTime, NaiveDateTime, Utc};
use hyper::http::HeaderMap;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::credentials::ServerCredentials;

/// Maximum clock difference between client and server.
const MAX_SKEW: Duration = Duration::from_secs(15 * 60);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// No signature.
    #[error("Missing Authentication Token")]
    Missing,
    /// The header is not a complete signature.
    #[error("the Authorization header is not a complete AWS4-HMAC-SHA256 signature: {0}")]
    Incomplete(&'static str),
    /// Not the server's access key.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The time of the request is too far from now.
    #[error("Signature expired: the time of the request is more than 15 minutes from the server's")]
    Expired,
    /// The request differs from what was signed, or was signed with another secret key.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method."
    )]
    Mismatch,
}

impl SignatureError {
    /// AWS's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Expired | Self::Mismatch => "InvalidSignatureException",
        }
    }
}

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `POST`, ...
    pub method: &'a str,
    /// The path as sent, percent-encoded.
    pub path: &'a str,
    /// The query as sent, without `?`; empty if there is none.
    pub query: &'a str,
    /// All headers, including `host`.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// The fields of the `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
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
        if !signature.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(incomplete("the Signature is not hexadecimal"));
        }
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

/// Verifies the signature of `request` for `service` (the signing name, such as `secretsmanager`) at the time `now`.
///
/// # Errors
/// The request is unsigned, expired, was changed after signing, or was signed with other credentials or for another
/// service.
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
    // A signature that does not cover these could be replayed on another server or at another time.
    let covered: Vec<&str> = authorization.signed_headers.split(';').collect();
    if !covered.contains(&"host") || !covered.contains(&"x-amz-date") {
        return Err(SignatureError::Incomplete("SignedHeaders lacks host or x-amz-date"));
    }
    if authorization.service != service || !timestamp.starts_with(authorization.date) {
        return Err(SignatureError::Mismatch);
    }
    let expected = signature(
        request,
        &covered,
        credentials,
        (authorization.region, service),
        time.into(),
    )?;
    if bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// The signature, in hexadecimal, that the holder of `credentials` computes over the covered headers and the body. The
/// body's hash is computed, never taken from a header.
fn signature(
    request: &SignedRequest<'_>,
    covered: &[&str],
    credentials: &ServerCredentials,
    (region, service): (&str, &str),
    time: SystemTime,
) -> Result<String, SignatureError> {
    let mut headers = Vec::with_capacity(covered.len());
    for name in covered {
        let before = headers.len();
        for value in request.headers.get_all(*name) {
            headers.push((*name, value.to_str().map_err(|_| SignatureError::Mismatch)?));
        }
        if headers.len() == before {
            return Err(SignatureError::Mismatch);
        }
    }
    let uri = if request.query.is_empty() {
        request.path.to_owned()
    } else {
        format!("{}?{}", request.path, request.query)
    };
    let identity: Identity = Credentials::from_keys(
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.as_str(),
        None,
    )
    .into();
    let mut settings = SigningSettings::default();
    // Only covered headers are passed, and all of them count.
    settings.excluded_headers = None;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(settings)
        .build()
        .map_err(|_| SignatureError::Mismatch)?;
    let body = SignableBody::Bytes(request.body);
    let signable =
        SignableRequest::new(request.method, uri, headers.into_iter(), body).map_err(|_| SignatureError::Mismatch)?;
    let signed = sign(signable, &params.into()).map_err(|_| SignatureError::Mismatch)?;
    Ok(signed.into_parts().1)
}

/// The principal that signed a request ([`ServerCredentials::of`]); empty for the pair's own key.
#[must_use]
pub fn principal<'h>(headers: &'h HeaderMap, credentials: &ServerCredentials) -> &'h str {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let authorization = header.and_then(|header| Authorization::parse(header).ok());
    authorization
        .and_then(|authorization| credentials.name_in(authorization.access_key_id))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
