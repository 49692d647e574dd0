//! Microsoft Teams: a message as an Adaptive Card, for a workflow that posts what it receives.

use crate::message::{Message, Tone};
use serde_json::{Value, json};

/// Maximum number of characters of a text. A message has 28 KB at most (Teams, Incoming Webhooks), and a character up to six bytes
/// in JSON.
const TEXT_CHARACTERS: usize = 4_000;

/// The message as a card: its subject and its text, in which Markdown's marks stand for themselves.
pub(crate) fn card(message: &Message) -> Value {
    let color = match message.tone {
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "attention",
    };
    let block = |text: &str| json!({ "type": "TextBlock", "text": escaped(text), "wrap": true });
    let mut subject = block(&message.subject);
    subject["weight"] = json!("bolder");
    subject["size"] = json!("medium");
    subject["color"] = json!(color);
    let text: String = message.text.chars().take(TEXT_CHARACTERS).collect();
    // A single line break is none in Markdown.
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [subject, block(&lines.join("\n\n"))],
            },
        }],
    })
}

/// Escapes what a text block reads as Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for symbol in text.chars() {
        if matches!(symbol, '*' | '_' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(symbol);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_card() {
        let message = Message {
            tone: Tone::Bad,
            subject: "cardlake 2026-01-15: failed at Load (E)".to_owned(),
            text: "It *failed* in _loads/.\n\nWhat to do: look.\n".to_owned(),
        };
        insta::assert_json_snapshot!(card(&message)["attachments"][0]["content"]["body"], @r#"
        [
          {
            "type": "TextBlock",
            "text": "cardlake 2026-01-15: failed at Load (E)",
            "wrap": true,
            "weight": "bolder",
            "size": "medium",
            "color": "attention"
          },
          {
            "type": "TextBlock",
            "text": "It \\*failed\\* in \\_loads/.\n\nWhat to do: look.",
            "wrap": true
          }
        ]
        "#);
    }

    #[test]
    fn a_long_text_keeps_to_the_size_of_a_message() {
        for text in ["\u{10ffff}", "\u{1}", "\\", "x\n"] {
            let message = Message {
                tone: Tone::Good,
                subject: "x".repeat(100),
                text: text.repeat(100_000),
            };
            let bytes = card(&message).to_string().len();
            assert!(bytes <= 28 * 1024, "{bytes} of {text:?}");
        }
    }
}
