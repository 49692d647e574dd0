//! PagerDuty: the end of a run as an event of the Events API v2.
//!
//! A failed run opens an incident of its day, and the run that succeeds for the same day closes it, whoever started it.

use crate::message::{Message, Tone};
use serde_json::{Value, json};

/// Where events go, unless the secret names another region's address.
pub(crate) const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";
/// Maximum length of the details. An event has 512 KB at most (PagerDuty, Events API v2).
const DETAIL_CHARACTERS: usize = 20_000;

/// The event. `key` is that of the integration, and `incident` names the day, of one stack among several.
pub(crate) fn event(message: &Message, key: &str, incident: &str) -> Value {
    if message.tone != Tone::Bad {
        return json!({ "routing_key": key, "event_action": "resolve", "dedup_key": incident });
    }
    let details: String = message.text.chars().take(DETAIL_CHARACTERS).collect();
    json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": incident,
        "payload": {
            "summary": message.subject,
            "source": incident,
            "severity": "critical",
            "custom_details": { "text": details },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_opens_what_a_success_closes() {
        let message = |tone| Message {
            tone,
            subject: "cardlake 2026-01-15: failed at Load (E)".to_owned(),
            text: "What to do: look.\n".to_owned(),
        };
        let opened = event(&message(Tone::Bad), "key", "silver/2026-01-15");
        insta::assert_json_snapshot!(opened, @r#"
        {
          "routing_key": "key",
          "event_action": "trigger",
          "dedup_key": "silver/2026-01-15",
          "payload": {
            "summary": "cardlake 2026-01-15: failed at Load (E)",
            "source": "silver/2026-01-15",
            "severity": "critical",
            "custom_details": {
              "text": "What to do: look.\n"
            }
          }
        }
        "#);
        for tone in [Tone::Good, Tone::Warning] {
            let closed = event(&message(tone), "key", "silver/2026-01-15");
            assert_eq!(closed["event_action"], "resolve");
            assert_eq!(closed["dedup_key"], opened["dedup_key"]);
        }
    }
}
