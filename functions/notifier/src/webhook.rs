//! Webhooks: a message as a JSON document, posted to an address that is a secret.

use crate::error::NotifierError;
use crate::message::{Message, Tone};
use crate::{pagerduty, slack, teams};
use cardlake_core::run_record::RunRecord;
use serde_json::{Value, json};
use std::error::Error;
use std::time::Duration;

/// Request timeout.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who receives the document, and so its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// A service of PagerDuty.
    PagerDuty,
    /// Any other program.
    Other,
}

impl Kind {
    /// Identifies the receiver in the list of sent messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::PagerDuty => "pagerduty",
            Self::Other => "webhook",
        }
    }

    /// What its secret has to hold.
    const fn wanted(self) -> &'static str {
        match self {
            Self::Slack => "put https://hooks.slack.com/… or {\"url\": \"https://…\"} there",
            Self::Teams | Self::Other => "put https://… or {\"url\": \"https://…\"} there",
            Self::PagerDuty => "put the integration key or {\"key\": \"…\", \"url\": \"https://…\"} there",
        }
    }
}

/// A receiver behind an address.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    kind: Kind,
    secrets: aws_sdk_secretsmanager::Client,
    /// Name or ARN of the secret.
    secret: String,
    /// Which stack tells: incidents of the same day in two stacks are two.
    stack: String,
}

impl Webhook {
    pub(crate) const fn new(
        kind: Kind,
        secrets: aws_sdk_secretsmanager::Client,
        secret: String,
        stack: String,
    ) -> Self {
        Self {
            kind,
            secrets,
            secret,
            stack,
        }
    }

    /// Identifies the receiver in the list of sent messages.
    pub(crate) const fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Sends a message about a run.
    ///
    /// # Errors
    /// The secret cannot be read or is not what it should be; the receiver rejects the message or is unreachable. Errors do
    /// not contain the secret.
    pub(crate) async fn send(&self, record: &RunRecord, message: &Message) -> Result<(), NotifierError> {
        let (url, key) = self.target().await?;
        let body = match self.kind {
            Kind::Slack => slack::blocks(message),
            Kind::Teams => teams::card(message),
            Kind::PagerDuty => pagerduty::event(message, &key, &format!("{}/{}", self.stack, record.batch_date)),
            Kind::Other => document(record, message),
        };
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| self.error(false, error.without_url()))?;
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let response = request
            .send()
            .await
            .map_err(|error| self.error(true, error.without_url()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let transient = status.is_server_error() || status.as_u16() == 429;
        // The body only explains the status; without it the error is still complete.
        let body: String = response.text().await.unwrap_or_default().chars().take(200).collect();
        Err(self.error(transient, format!("{status}: {body}")))
    }

    /// Where the document goes, and the key of PagerDuty's.
    async fn target(&self) -> Result<(reqwest::Url, String), NotifierError> {
        let output = self.secrets.get_secret_value().secret_id(&self.secret).send().await;
        let output = output.map_err(|error| {
            let transient = error
                .raw_response()
                .is_none_or(|response| response.status().is_server_error() || response.status().as_u16() == 429);
            self.error(transient, error)
        })?;
        // A binary secret has no text and fails the check below.
        let text = output.secret_string().unwrap_or_default().trim();
        target(self.kind, text).ok_or_else(|| {
            self.error(
                false,
                format!("its secret is not what it should be: {}", self.kind.wanted()),
            )
        })
    }

    fn error(&self, transient: bool, source: impl Into<Box<dyn Error + Send + Sync>>) -> NotifierError {
        NotifierError::Send {
            receiver: format!("the receiver {} of secret {}", self.name(), self.secret),
            transient,
            source: source.into(),
        }
    }
}

/// Reads a secret: a plain text, or a document with `url` and `key`. Addresses without TLS are for this machine alone.
fn target(kind: Kind, secret: &str) -> Option<(reqwest::Url, String)> {
    let document: Option<Value> = serde_json::from_str(secret).ok().filter(Value::is_object);
    let member = |name: &str| Some(document.as_ref()?.get(name)?.as_str()?.to_owned());
    let plain = document.is_none().then(|| secret.to_owned());
    let (url, key) = if kind == Kind::PagerDuty {
        let key = member("key").or(plain)?;
        let is_key = !key.is_empty() && key.bytes().all(|symbol| symbol.is_ascii_alphanumeric());
        (
            member("url").unwrap_or_else(|| pagerduty::ADDRESS.to_owned()),
            is_key.then_some(key)?,
        )
    } else {
        (member("url").or(plain)?, String::new())
    };
    let url = reqwest::Url::parse(&url).ok()?;
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    (url.scheme() == "https" || is_loopback).then_some((url, key))
}

/// The message for any program: what a person reads, and what a program needs to find the run.
fn document(record: &RunRecord, message: &Message) -> Value {
    let severity = match message.tone {
        Tone::Good => "info",
        Tone::Warning => "warning",
        Tone::Bad => "error",
    };
    json!({
        "severity": severity,
        "batch_date": record.batch_date,
        "run_id": record.run_id,
        "outcome": record.outcome.name(),
        "subject": message.subject,
        "text": message.text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_an_address_a_key_or_a_document() {
        let read = |kind, secret: &str| target(kind, secret).map(|(url, key)| (url.to_string(), key));
        let url = Some(("https://a.example/x".to_owned(), String::new()));
        for kind in [Kind::Slack, Kind::Teams, Kind::Other] {
            assert_eq!(read(kind, "https://a.example/x"), url);
            assert_eq!(read(kind, "{\"url\": \"https://a.example/x\"}"), url);
            for wrong in ["", "{}", "http://a.example/x", "a.example", "[1]"] {
                assert_eq!(read(kind, wrong), None, "{wrong}");
            }
            assert!(read(kind, "http://127.0.0.1:1/x").is_some());
        }
        let key = "0123456789abcdef0123456789ABCDEF";
        let wanted = |url: &str| Some((url.to_owned(), key.to_owned()));
        assert_eq!(read(Kind::PagerDuty, key), wanted(pagerduty::ADDRESS));
        let elsewhere = format!("{{\"key\": \"{key}\", \"url\": \"https://events.eu.pagerduty.com/v2/enqueue\"}}");
        assert_eq!(
            read(Kind::PagerDuty, &elsewhere),
            wanted("https://events.eu.pagerduty.com/v2/enqueue")
        );
        for wrong in ["", "{}", "https://events.pagerduty.com/v2/enqueue", "{\"key\": \"\"}"] {
            assert_eq!(read(Kind::PagerDuty, wrong), None, "{wrong}");
        }
    }
}
