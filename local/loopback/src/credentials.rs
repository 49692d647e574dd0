//! The key pair that a local server accepts.

use std::fmt;

/// A server's only key pair. Principals sign with the same secret under access keys derived from it, so that a server
/// can tell them apart.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerCredentials {
    /// The access key.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
}

impl ServerCredentials {
    /// The pair under the access key of the principal `name`; servers accept it like the pair itself.
    #[must_use]
    pub fn of(&self, name: &str) -> Self {
        Self {
            access_key_id: format!("{}.{name}", self.access_key_id),
            secret_access_key: self.secret_access_key.clone(),
        }
    }

    /// The principal of an access key, empty for the pair's own; `None` for a key of another pair.
    #[must_use]
    pub fn name_in<'k>(&self, access_key_id: &'k str) -> Option<&'k str> {
        let rest = access_key_id.strip_prefix(&self.access_key_id)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('.')
        }
    }
}

impl fmt::Debug for ServerCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> ServerCredentials {
        ServerCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "secret".to_owned(),
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        assert_eq!(
            format!("{:?}", credentials()),
            "ServerCredentials { access_key_id: \"AKIDEXAMPLE\", .. }"
        );
    }

    #[test]
    fn principals_are_told_apart_by_their_access_key() {
        let credentials = credentials();
        let loader = credentials.of("loader");
        assert_eq!(credentials.name_in(&loader.access_key_id), Some("loader"));
        assert_eq!(credentials.name_in("AKIDEXAMPLE"), Some(""));
        assert_eq!(credentials.name_in("AKIDEXAMPLER"), None);
        assert_eq!(credentials.name_in("OTHER.loader"), None);
    }
}
