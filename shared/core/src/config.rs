//! Settings from environment variables, with all errors reported at once.
//!
//! A function reads its settings once, at start. [`Variables`] takes them from a given map (so that tests do not modify the
//! process environment), collects every error and reports them together.

use crate::{
    env,
    error::{ErrorKind, StageError},
};
use std::{collections::HashMap, str::FromStr};

/// All invalid settings, one per line.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong: {}", .mistakes.join("; "))]
pub struct ConfigError {
    /// One sentence per error, naming the variable.
    pub mistakes: Vec<String>,
}

impl StageError for ConfigError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Configuration
    }
}

/// Reads variables and collects errors.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: HashMap<String, String>,
    mistakes: Vec<String>,
}

impl Variables {
    /// Uses the given map. Blank values count as unset.
    #[must_use]
    pub fn new(values: HashMap<String, String>) -> Self {
        Self {
            values,
            mistakes: Vec::new(),
        }
    }

    /// Uses the environment of this process.
    #[must_use]
    pub fn from_process() -> Self {
        Self::new(std::env::vars().collect())
    }

    /// The value, if set and not blank.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// The value; records an error and returns an empty string if it is unset.
    pub fn required(&mut self, name: &str, what: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.mistakes.push(format!("{name} is not set: give it {what}"));
            String::new()
        })
    }

    /// The parsed value, or the default if it is unset; records an error if it cannot be parsed.
    pub fn parsed<T: FromStr>(&mut self, name: &str, what: &str, default: T) -> T {
        match self.optional(name) {
            None => default,
            Some(text) => text.parse().unwrap_or_else(|_| {
                self.mistakes.push(format!("{name} is '{text}': give it {what}"));
                default
            }),
        }
    }

    /// Records an error found by the caller.
    pub fn mistake(&mut self, sentence: impl Into<String>) {
        self.mistakes.push(sentence.into());
    }

    /// Returns `settings`, unless there were errors.
    ///
    /// # Errors
    /// All recorded errors.
    pub fn finish<T>(self, settings: T) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError {
                mistakes: self.mistakes,
            })
        }
    }
}

/// The buckets of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeConfig {
    /// Bucket of the raw files.
    pub bronze_bucket: String,
    /// Bucket of the Delta tables and of all records about them.
    pub silver_bucket: String,
    /// Bucket of the published marts and the report.
    pub gold_bucket: String,
}

impl LakeConfig {
    /// Reads the three bucket names.
    pub fn read(variables: &mut Variables) -> Self {
        Self {
            bronze_bucket: variables.required(env::BRONZE_BUCKET, "the bucket of the raw files"),
            silver_bucket: variables.required(env::SILVER_BUCKET, "the bucket of the Delta tables"),
            gold_bucket: variables.required(env::GOLD_BUCKET, "the bucket of the published marts"),
        }
    }
}

/// Connection to the warehouse through the Redshift Data API (for valid combinations see AWS, "Authorizing access to the Data API").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseConfig {
    /// Serverless workgroup, or provisioned cluster.
    pub target: WarehouseTarget,
    /// Database name.
    pub database: String,
    /// Secret with the user's name and password; `None` uses IAM.
    pub secret_arn: Option<String>,
    /// Database user on a provisioned cluster without a secret; `None` uses the IAM identity.
    pub db_user: Option<String>,
    /// Role for COPY and UNLOAD; `None` uses the default role.
    pub copy_role_arn: Option<String>,
}

/// Redshift deployment that runs the statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarehouseTarget {
    /// Redshift Serverless, by workgroup name or ARN.
    Workgroup(String),
    /// A provisioned cluster, by identifier.
    Cluster(String),
}

impl WarehouseConfig {
    /// Reads the connection; records an error unless exactly one of workgroup and cluster is set.
    pub fn read(variables: &mut Variables) -> Self {
        let WarehouseName { target, database } = WarehouseName::read(variables);
        let secret_arn = variables.optional(env::REDSHIFT_SECRET_ARN);
        let db_user = variables.optional(env::REDSHIFT_DB_USER);
        if db_user.is_some() && (secret_arn.is_some() || matches!(target, WarehouseTarget::Workgroup(_))) {
            variables.mistake(format!(
                "{} goes with {} and without {}",
                env::REDSHIFT_DB_USER,
                env::REDSHIFT_CLUSTER,
                env::REDSHIFT_SECRET_ARN
            ));
        }
        Self {
            target,
            database,
            secret_arn,
            db_user,
            copy_role_arn: variables.optional(env::REDSHIFT_COPY_ROLE_ARN),
        }
    }
}

/// Name of the warehouse, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseName {
    /// Serverless workgroup, or provisioned cluster.
    pub target: WarehouseTarget,
    /// Database name.
    pub database: String,
}

impl WarehouseName {
    /// Reads the names; records an error unless exactly one of workgroup and cluster is set.
    pub fn read(variables: &mut Variables) -> Self {
        let target = match (
            variables.optional(env::REDSHIFT_WORKGROUP),
            variables.optional(env::REDSHIFT_CLUSTER),
        ) {
            (Some(workgroup), None) => WarehouseTarget::Workgroup(workgroup),
            (None, Some(cluster)) => WarehouseTarget::Cluster(cluster),
            (workgroup, _) => {
                variables.mistake(format!(
                    "set exactly one of {} and {}, not {}",
                    env::REDSHIFT_WORKGROUP,
                    env::REDSHIFT_CLUSTER,
                    if workgroup.is_some() { "both" } else { "none" }
                ));
                WarehouseTarget::Workgroup(String::new())
            }
        };
        Self {
            target,
            database: variables
                .optional(env::REDSHIFT_DATABASE)
                .unwrap_or_else(|| "cardlake".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::new(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let mut vars = variables(&[(env::QUARANTINE_THRESHOLD, "lots"), (env::SILVER_BUCKET, " ")]);
        LakeConfig::read(&mut vars);
        vars.parsed(env::QUARANTINE_THRESHOLD, "a share from 0 to 1", 0.05_f64);
        WarehouseConfig::read(&mut vars);
        let error = vars.finish(()).unwrap_err();
        assert_eq!(error.mistakes.len(), 5);
        assert!(
            error
                .to_string()
                .contains("CARDLAKE_QUARANTINE_THRESHOLD is 'lots': give it a share from 0 to 1")
        );
    }

    #[test]
    fn a_workgroup_needs_nothing_else() {
        let mut vars = variables(&[(env::REDSHIFT_WORKGROUP, "cards")]);
        let config = WarehouseConfig::read(&mut vars);
        assert_eq!(config.target, WarehouseTarget::Workgroup("cards".into()));
        assert_eq!(vars.finish(config).unwrap().database, "cardlake");
    }
}
