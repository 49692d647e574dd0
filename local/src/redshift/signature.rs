//! Checks Signature Version 4 of a request against the one key that the server knows.

use std::time::{Duration, SystemTime};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::http::HeaderMap;
use chrono::NaiveDateTime;
use sha2::{Digest as _, Sha256};

use super::Credentials;
use super::error::ApiError;

/// How far a request's time may be from ours.
const MAX_SKEW: Duration = Duration::from_secs(15 * 60);
/// The service's signing name.
const SERVICE: &str = "redshift-data";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Checks the signature of `POST /` with these headers and this body.
pub(crate) fn check(
    headers: &HeaderMap,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<(), ApiError> {
    let invalid = |message: &str| ApiError::new("InvalidSignatureException", message);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = text("authorization")
        .and_then(|value| value.strip_prefix(ALGORITHM))
        .ok_or_else(|| ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
    let part = |name: &str| {
        authorization
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let (Some(credential), Some(signed_headers), Some(signature)) =
        (part("Credential"), part("SignedHeaders"), part("Signature"))
    else {
        return Err(ApiError::new(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters",
        ));
    };
    let mut scope = credential.split('/');
    let (key_id, date, scope_region, service, terminator) =
        (scope.next(), scope.next(), scope.next(), scope.next(), scope.next());
    if key_id != Some(credentials.access_key_id.as_str()) {
        return Err(ApiError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ));
    }
    if scope_region != Some(region) || service != Some(SERVICE) || terminator != Some("aws4_request") {
        return Err(invalid(&format!(
            "Credential should be scoped to a valid region and correct service: '{region}' and '{SERVICE}'"
        )));
    }
    let moment = text("x-amz-date").ok_or_else(|| invalid("the header X-Amz-Date is missing"))?;
    let time: SystemTime = NaiveDateTime::parse_from_str(moment, "%Y%m%dT%H%M%SZ")
        .map_err(|_| invalid("Date must be in ISO-8601 'basic format'"))?
        .and_utc()
        .into();
    let skew = now
        .duration_since(time)
        .or_else(|_| time.duration_since(now))
        .unwrap_or_default();
    if skew > MAX_SKEW || date != moment.get(..8) {
        return Err(invalid(&format!(
            "Signature expired: {moment} is more than 15 minutes from this server's time"
        )));
    }
    let mut canonical = String::from("POST\n/\n\n");
    let names: Vec<&str> = signed_headers.split(';').collect();
    for required in ["host", "x-amz-date"] {
        if !names.contains(&required) {
            return Err(invalid(&format!("'{required}' must be a signed header")));
        }
    }
    for name in &names {
        let values: Vec<&str> = headers
            .get_all(*name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let value = values.join(",").split_whitespace().collect::<Vec<_>>().join(" ");
        canonical.push_str(&format!("{name}:{value}\n"));
    }
    canonical.push_str(&format!("\n{signed_headers}\n{}", hex::encode(Sha256::digest(body))));
    let to_sign = format!(
        "{ALGORITHM}\n{moment}\n{}/{region}/{SERVICE}/aws4_request\n{}",
        date.unwrap_or_default(),
        hex::encode(Sha256::digest(canonical))
    );
    let key = generate_signing_key(&credentials.secret_access_key, time, region, SERVICE);
    let expected = calculate_signature(key, to_sign.as_bytes());
    if same(expected.as_bytes(), signature.as_bytes()) {
        Ok(())
    } else {
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
             and signing method.",
        ))
    }
}

/// Compares without stopping at the first difference.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}
