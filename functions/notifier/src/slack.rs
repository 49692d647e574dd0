//! Slack: sends a message in block layout to an incoming webhook, whose URL is a secret.

use crate::error::NotifierError;
use crate::message::{Message, Tone};
use serde_json::{Value, json};
use std::error::Error;
use std::time::Duration;

/// Maximum length of a header block (Slack, Block Kit reference).
const HEADER_CHARACTERS: usize = 150;
/// Maximum length of a section block; Slack's limit is 3,000 characters after escaping.
const SECTION_CHARACTERS: usize = 2_900;
/// Maximum number of section blocks; Slack's limit is 50 blocks per message.
const SECTIONS: usize = 20;
/// Request timeout.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An incoming webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    secrets: aws_sdk_secretsmanager::Client,
    /// Name or ARN of the secret that holds the URL.
    secret: String,
}

impl Webhook {
    pub(crate) const fn new(secrets: aws_sdk_secretsmanager::Client, secret: String) -> Self {
        Self { secrets, secret }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The secret cannot be read or contains no URL; Slack rejects the message or is unreachable. Errors do not contain the
    /// URL.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), NotifierError> {
        let url = self.url().await?;
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| self.error(false, error.without_url()))?;
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .body(blocks(message).to_string());
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

    async fn url(&self) -> Result<reqwest::Url, NotifierError> {
        let output = self.secrets.get_secret_value().secret_id(&self.secret).send().await;
        let output = output.map_err(|error| {
            let transient = error
                .raw_response()
                .is_none_or(|response| response.status().is_server_error() || response.status().as_u16() == 429);
            self.error(transient, error)
        })?;
        // A binary secret has no text and fails the URL check below.
        let text = output.secret_string().unwrap_or_default().trim();
        let of_document = serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|document| document.get("url")?.as_str().map(str::to_owned));
        let url = reqwest::Url::parse(of_document.as_deref().unwrap_or(text)).ok();
        let loopback = |url: &reqwest::Url| matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
        url.filter(|url| url.scheme() == "https" || loopback(url))
            .ok_or_else(|| {
                let problem =
                    "its secret holds no URL: put https://hooks.slack.com/… or {\"url\": \"https://…\"} there";
                self.error(false, problem)
            })
    }

    fn error(&self, transient: bool, source: impl Into<Box<dyn Error + Send + Sync>>) -> NotifierError {
        NotifierError::Send {
            receiver: format!("the Slack webhook of secret {}", self.secret),
            transient,
            source: source.into(),
        }
    }
}

/// The message as blocks: a header, the text, and the run record as context.
fn blocks(message: &Message) -> Value {
    let sign = match message.tone {
        Tone::Good => ":white_check_mark:",
        Tone::Warning => ":warning:",
        Tone::Bad => ":rotating_light:",
    };
    let header: String = format!("{sign} {}", message.subject)
        .chars()
        .take(HEADER_CHARACTERS)
        .collect();
    let (small, large): (Vec<&str>, Vec<&str>) =
        message.text.lines().partition(|line| line.starts_with("Run record: "));
    let mut blocks = vec![json!({ "type": "header", "text": { "type": "plain_text", "text": header, "emoji": true } })];
    for text in sections(&large) {
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
    }
    for line in small {
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": escaped(line) }] }));
    }
    json!({ "text": message.subject, "blocks": blocks })
}

/// Groups lines into sections.
fn sections(lines: &[&str]) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in lines {
        let line = escaped(line);
        let line: String = line.chars().take(SECTION_CHARACTERS).collect();
        match sections.last_mut() {
            Some(last) if last.chars().count() + line.chars().count() < SECTION_CHARACTERS => {
                last.push('\n');
                last.push_str(&line);
            }
            _ => sections.push(line),
        }
    }
    sections.truncate(SECTIONS);
    sections
}

/// Escapes Slack's three control characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message {
            tone: Tone::Bad,
            subject: "cardlake 2026-01-15: failed at Load (E)".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_message_has_a_header_a_text_and_small_print() {
        let blocks = blocks(&message(
            "It <failed> & ended.\nWhat to do: look.\nRun record: s3://silver/r.json\n",
        ));
        insta::assert_json_snapshot!(blocks, @r#"
        {
          "text": "cardlake 2026-01-15: failed at Load (E)",
          "blocks": [
            {
              "type": "header",
              "text": {
                "type": "plain_text",
                "text": ":rotating_light: cardlake 2026-01-15: failed at Load (E)",
                "emoji": true
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": "It &lt;failed&gt; &amp; ended.\nWhat to do: look."
              }
            },
            {
              "type": "context",
              "elements": [
                {
                  "type": "mrkdwn",
                  "text": "Run record: s3://silver/r.json"
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn long_texts_keep_to_slacks_limits() {
        let text = format!("{}\n", "<".repeat(1000)).repeat(200);
        let blocks = blocks(&message(&text));
        let blocks = blocks["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        for block in &blocks[1..] {
            let length = block["text"]["text"].as_str().unwrap().chars().count();
            assert!((1..=3000).contains(&length), "{length}");
        }
    }
}
