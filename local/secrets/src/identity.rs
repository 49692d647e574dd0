//! `GetCallerIdentity` of STS: tools ask who they are before they ask for anything else.
//!
//! A request in the Query protocol, an answer in XML
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>). No other action is known.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use cardlake_loopback::{ServerCredentials, SignatureError, SignedRequest, signature};
use chrono::{DateTime, Utc};

/// The name that requests are signed for.
const SIGNING_NAME: &str = "sts";
/// The account of all local resources.
const ACCOUNT: &str = "000000000000";

/// Whether a request is one of the Query protocol: a form, whose action is in the body.
pub(crate) fn is_query(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|value| value.starts_with(b"application/x-www-form-urlencoded"))
}

/// Answers a request of the Query protocol.
pub(crate) fn answer(request: &SignedRequest<'_>, credentials: &ServerCredentials, now: DateTime<Utc>) -> Response {
    if let Err(error) = signature::verify(request, credentials, SIGNING_NAME, now) {
        return refusal(&error);
    }
    let action = request
        .body
        .split(|byte| *byte == b'&')
        .find_map(|field| field.strip_prefix(b"Action="));
    if action != Some(b"GetCallerIdentity") {
        return respond(
            StatusCode::BAD_REQUEST,
            &error("InvalidAction", "GetCallerIdentity is the only action of STS here."),
        );
    }
    let key = match signature::principal(request.headers, credentials) {
        "" => credentials.access_key_id.clone(),
        principal => credentials.of(principal).access_key_id,
    };
    let key = escaped(&key);
    respond(
        StatusCode::OK,
        &format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/{key}</Arn><UserId>{key}</UserId>\
             <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}

fn refusal(refused: &SignatureError) -> Response {
    respond(StatusCode::FORBIDDEN, &error(refused.code(), &refused.to_string()))
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{}</Message></Error></ErrorResponse>",
        escaped(message)
    )
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn respond(status: StatusCode, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/xml");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
