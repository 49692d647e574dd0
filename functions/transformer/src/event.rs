//! Events of the transformer: a task of the state machine, or a notification of S3.

use aws_lambda_events::event::s3::S3Event;
use cardlake_core::events::{TransformerEvent, TransformerOutput};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// S3 created objects.
    Notification(S3Event),
    /// Test event that S3 sends when a notification is configured.
    Test,
    /// One object, from the state machine.
    Task(TransformerEvent),
}

impl<'de> Deserialize<'de> for Event {
    /// Selects the variant by its fields, so that an invalid task is reported as such.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let has = |field: &str| value.get(field).is_some();
        if has("Records") {
            serde_json::from_value(value)
                .map(Self::Notification)
                .map_err(D::Error::custom)
        } else if has("Service") && value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
            Ok(Self::Test)
        } else {
            serde_json::from_value(value).map(Self::Task).map_err(D::Error::custom)
        }
    }
}

/// Response of the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// Outcome of a task.
    One(TransformerOutput),
    /// Outcomes of a notification, in the order of its records.
    Many(Vec<TransformerOutput>),
}

/// Decodes a key of an S3 event: `+` is a space, other characters are percent-encoded UTF-8. `None` if it is malformed.
pub(crate) fn decode_key(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut unread = encoded.as_bytes();
    while let Some((first, tail)) = unread.split_first() {
        unread = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, tail) = unread.split_first_chunk::<2>()?;
                unread = tail;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).ok()?;
                byte[0]
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        for (encoded, key) in [
            (
                "transactions/ingest_date%3D2026-01-15/a.csv",
                "transactions/ingest_date=2026-01-15/a.csv",
            ),
            ("a+b%2Bc", "a b+c"),
            ("%ED%95%9C", "한"),
            ("", ""),
        ] {
            assert_eq!(decode_key(encoded).as_deref(), Some(key));
        }
        for wrong in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode_key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn variants_are_selected_by_their_fields() {
        let task = serde_json::from_str::<Event>(r#"{"key":"a","late_window_days":3}"#).unwrap();
        assert_eq!(
            task,
            Event::Task(TransformerEvent {
                key: "a".into(),
                late_window_days: Some(3),
                reprocess: false,
            })
        );
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-15T00:00:00.000Z","Bucket":"b","RequestId":"r","HostId":"h"}"#;
        assert_eq!(serde_json::from_str::<Event>(test).unwrap(), Event::Test);
        let error = serde_json::from_str::<Event>(r#"{"key":"a","days":3}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `days`"), "{error}");
    }
}
