//! Preparation of the warehouse: an action of the loader, for the one who may administer the database.

use super::stages::LoaderEvent;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The action of a [`BootstrapEvent`].
const BOOTSTRAP: &str = "bootstrap";

/// An event of the loader: an action if it names one, else a tick of a load.
#[derive(Debug, Clone, PartialEq)]
pub enum LoaderRequest {
    /// Load datasets.
    Load(LoaderEvent),
    /// Prepare the warehouse (`"action": "bootstrap"`).
    Bootstrap(BootstrapEvent),
}

impl<'de> Deserialize<'de> for LoaderRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        // Not an untagged enum: its errors name no field.
        let request = match event.as_object_mut().and_then(|fields| fields.remove("action")) {
            None => serde_json::from_value(event).map(Self::Load),
            Some(action) if action == BOOTSTRAP => serde_json::from_value(event).map(Self::Bootstrap),
            Some(other) => Err(Error::custom(format!(
                "unknown action {other}: give \"{BOOTSTRAP}\", or no action to load"
            ))),
        };
        request.map_err(D::Error::custom)
    }
}

/// The database users of the stack. What they need is made where it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapEvent {
    /// User that the loader logs in as, e.g. `IAMR:cardlake-dev-loader`.
    pub loader: String,
    /// User that the mart builder logs in as.
    pub mart_builder: String,
    /// Users who may read the marts: exactly these are members of the group of readers afterwards.
    #[serde(default)]
    pub readers: Vec<String>,
}

/// What was missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapOutput {
    /// Users that were created.
    pub created_users: Vec<String>,
    /// Readers that were added to the group.
    pub added_readers: Vec<String>,
    /// Users that were removed from the group.
    pub removed_readers: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_load_unless_it_names_an_action() {
        let load: LoaderRequest = serde_json::from_value(json!({"batch_date": "2026-01-15"})).unwrap();
        assert!(matches!(load, LoaderRequest::Load(_)));
        let users = json!({"action": "bootstrap", "loader": "l", "mart_builder": "m"});
        let expected = BootstrapEvent {
            loader: "l".to_owned(),
            mart_builder: "m".to_owned(),
            readers: Vec::new(),
        };
        assert_eq!(
            serde_json::from_value::<LoaderRequest>(users).unwrap(),
            LoaderRequest::Bootstrap(expected)
        );
    }

    #[test]
    fn errors_name_the_field() {
        for (event, named) in [
            (
                json!({"batch_date": "2026-01-15", "fullrefresh": true}),
                "`fullrefresh`",
            ),
            (json!({"action": "bootstrap", "loader": "l"}), "`mart_builder`"),
            (json!({"action": "vacuum"}), "\"vacuum\""),
        ] {
            let error = serde_json::from_value::<LoaderRequest>(event).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
