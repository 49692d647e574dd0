//! Slack: a message in block layout, for an incoming webhook.

use crate::message::{Message, Tone};
use serde_json::{Value, json};

/// Maximum length of a header block (Slack, Block Kit reference).
const HEADER_CHARACTERS: usize = 150;
/// Maximum length of a section block; Slack's limit is 3,000 characters after escaping.
const SECTION_CHARACTERS: usize = 2_900;
/// Maximum number of section blocks; Slack's limit is 50 blocks per message.
const SECTIONS: usize = 20;
/// The message as blocks: a header, the text, and the run record as context.
pub(crate) fn blocks(message: &Message) -> Value {
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
