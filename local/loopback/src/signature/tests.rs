//! Tests of signature verification.

use hyper::http::HeaderValue;

use super::*;

/// The example of the AWS documentation: `GET /?Action=ListUsers&Version=2010-05-08` for IAM.
const DOCUMENTED_SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

fn credentials() -> ServerCredentials {
    ServerCredentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
    }
}

fn headers() -> HeaderMap {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, Signature={DOCUMENTED_SIGNATURE}"
    );
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", &authorization),
    ] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn check(headers: &HeaderMap, query: &str, body: &[u8], service: &str, now: &str) -> Result<(), SignatureError> {
    let request = SignedRequest {
        method: "GET",
        path: "/",
        query,
        headers,
        body,
    };
    verify(&request, &credentials(), service, now.parse().unwrap())
}

const QUERY: &str = "Action=ListUsers&Version=2010-05-08";
const NOW: &str = "2015-08-30T12:40:00Z";

#[test]
fn the_documented_example_passes() {
    assert_eq!(check(&headers(), QUERY, b"", "iam", NOW), Ok(()));
    // The order of the query does not count.
    assert_eq!(
        check(&headers(), "Version=2010-05-08&Action=ListUsers", b"", "iam", NOW),
        Ok(())
    );
}

#[test]
fn anything_that_was_signed_may_not_change() {
    use SignatureError::Mismatch;
    assert_eq!(
        check(&headers(), "Action=DeleteUser&Version=2010-05-08", b"", "iam", NOW),
        Err(Mismatch)
    );
    assert_eq!(check(&headers(), QUERY, b"x", "iam", NOW), Err(Mismatch));
    assert_eq!(check(&headers(), QUERY, b"", "redshift-data", NOW), Err(Mismatch));
    for (name, value) in [
        ("content-type", "text/plain"),
        ("host", "example.com"),
        ("x-amz-date", "20150830T123601Z"),
    ] {
        let mut changed = headers();
        changed.insert(name, HeaderValue::from_str(value).unwrap());
        assert_eq!(check(&changed, QUERY, b"", "iam", NOW), Err(Mismatch), "{name}");
    }
    let mut removed = headers();
    removed.remove("content-type");
    assert_eq!(check(&removed, QUERY, b"", "iam", NOW), Err(Mismatch));
}

#[test]
fn another_secret_or_key_does_not_pass() {
    let headers = headers();
    let request = SignedRequest {
        method: "GET",
        path: "/",
        query: QUERY,
        headers: &headers,
        body: b"",
    };
    let verify_with = |credentials: ServerCredentials| verify(&request, &credentials, "iam", NOW.parse().unwrap());
    let secret = ServerCredentials {
        secret_access_key: "other".to_owned(),
        ..credentials()
    };
    assert_eq!(verify_with(secret), Err(SignatureError::Mismatch));
    let key = ServerCredentials {
        access_key_id: "OTHER".to_owned(),
        ..credentials()
    };
    assert_eq!(verify_with(key), Err(SignatureError::UnknownKey));
}

#[test]
fn a_request_is_good_for_fifteen_minutes() {
    assert_eq!(check(&headers(), QUERY, b"", "iam", "2015-08-30T12:51:00Z"), Ok(()));
    assert_eq!(
        check(&headers(), QUERY, b"", "iam", "2015-08-30T12:51:01Z"),
        Err(SignatureError::Expired)
    );
    assert_eq!(
        check(&headers(), QUERY, b"", "iam", "2015-08-30T12:20:59Z"),
        Err(SignatureError::Expired)
    );
}

#[test]
fn headers_that_are_no_signature_are_told_apart() {
    let with = |authorization: &str| {
        let mut headers = headers();
        headers.insert("authorization", HeaderValue::from_str(authorization).unwrap());
        check(&headers, QUERY, b"", "iam", NOW).unwrap_err()
    };
    let scope = "Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request";
    for authorization in [
        "Bearer x".to_owned(),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830, SignedHeaders=host, Signature=00".to_owned(),
        format!("AWS4-HMAC-SHA256 {scope}, Signature=00"),
        format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date"),
        format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature=xyz"),
        format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=content-type, Signature=00"),
    ] {
        assert!(
            matches!(with(&authorization), SignatureError::Incomplete(_)),
            "{authorization}"
        );
    }
    let short = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature=00");
    assert_eq!(with(&short), SignatureError::Mismatch);
    let mut missing = headers();
    missing.remove("authorization");
    assert_eq!(check(&missing, QUERY, b"", "iam", NOW), Err(SignatureError::Missing));
}
