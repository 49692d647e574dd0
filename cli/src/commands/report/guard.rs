//! Which requests are answered: those of the served page itself, or of a program on this machine.
//!
//! The server has no login, and any page that is open in the same browser can send requests to it. Such a page can neither
//! read an answer (no CORS header is ever sent) nor cause a query or a file: its requests carry its own origin, or have no
//! JSON type without a preflight, which is refused.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers a request only if it is allowed.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match refusal(request.method(), request.headers()) {
        Some((status, why)) => (status, why).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(method: &Method, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    // A page of another site whose name resolves to this address may not read anything: the browser tells the name.
    if !names_this_machine(headers) {
        return Some((StatusCode::MISDIRECTED_REQUEST, "open the page as http://127.0.0.1\n"));
    }
    if method == Method::GET || method == Method::HEAD {
        return None;
    }
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_json = text(header::CONTENT_TYPE).is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    });
    if !is_json {
        return Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json\n"));
    }
    let is_same_site = text(HeaderName::from_static("sec-fetch-site")).is_none_or(|site| site == "same-origin");
    let own = format!("http://{}", text(header::HOST).unwrap_or_default());
    let is_same_origin = text(header::ORIGIN).is_none_or(|origin| origin == own);
    if !is_same_site || !is_same_origin {
        return Some((StatusCode::FORBIDDEN, "only the page itself may ask\n"));
    }
    None
}

/// Whether a request is for this machine by its own name.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    });
    name.is_some_and(|name| matches!(name, "127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, headers: &[(&'static str, &'static str)]) -> u16 {
        let headers = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        refusal(method, &headers.collect()).map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn pages_are_for_this_machine_by_its_own_name() {
        for (host, expected) in [
            ("localhost:1", 200),
            ("[::1]", 200),
            ("127.0.0.1:80", 200),
            ("evil.example", 421),
            ("127.0.0.1.evil.example:80", 421),
        ] {
            assert_eq!(status(&Method::GET, &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status(&Method::GET, &[]), 421);
    }

    #[test]
    fn only_the_page_itself_asks() {
        let (host, json) = (("host", "127.0.0.1:5"), ("content-type", "application/json"));
        let own = ("origin", "http://127.0.0.1:5");
        for (headers, expected) in [
            // A program.
            (vec![host, json], 200),
            // The page.
            (vec![host, json, own, ("sec-fetch-site", "same-origin")], 200),
            (
                vec![host, ("content-type", "Application/JSON; charset=utf-8"), own],
                200,
            ),
            (vec![("host", "evil.example"), json], 421),
            // What a form of another site sends.
            (vec![host, ("content-type", "text/plain")], 415),
            (vec![host], 415),
            (vec![host, json, ("origin", "http://evil.example")], 403),
            (vec![host, json, ("origin", "http://127.0.0.1:6")], 403),
            (vec![host, json, ("origin", "null")], 403),
            (vec![host, json, own, ("sec-fetch-site", "same-site")], 403),
            (vec![host, json, own, ("sec-fetch-site", "cross-site")], 403),
        ] {
            assert_eq!(status(&Method::POST, &headers), expected, "{headers:?}");
        }
        // The question of a browser whether another site may ask.
        assert_eq!(
            status(&Method::OPTIONS, &[host, ("origin", "http://evil.example")]),
            415
        );
    }
}
