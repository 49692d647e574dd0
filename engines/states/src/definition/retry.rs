//! Retriers and catchers: which error they take, and how long a retry waits.

use std::time::Duration;

use serde_json::Value;

use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::definition::io_paths::ResultPath;
use crate::failure::{ALL, BRANCH_FAILED, Failure, RESERVED_NAMES, RUNTIME, TASK_FAILED, TIMEOUT};
use crate::random::Random;

/// Retries when a retrier does not say how many.
const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// Seconds before the first retry when a retrier does not say.
const DEFAULT_INTERVAL_SECONDS: u64 = 1;
/// The growth of the interval when a retrier does not say.
const DEFAULT_BACKOFF_RATE: f64 = 2.0;
/// The quota for the numbers of a retrier.
const MAX_ATTEMPTS: u32 = 99_999_999;
/// The quota for `MaxDelaySeconds`: a year.
const MAX_DELAY_SECONDS: u64 = 31_622_400;

/// The names of errors that a retrier or catcher takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorMatcher(Vec<String>);

impl ErrorMatcher {
    fn read(fields: &mut Fields, is_last: bool) -> Result<Self, DefinitionError> {
        let names: Vec<String> = fields.required("ErrorEquals")?;
        if names.is_empty() {
            return Err(fields.fault("ErrorEquals", "must list one name or more"));
        }
        if let Some(name) = names
            .iter()
            .find(|n| n.starts_with("States.") && !RESERVED_NAMES.contains(&n.as_str()))
        {
            return Err(fields.fault(
                "ErrorEquals",
                format!("`{name}` is not an error name of Step Functions"),
            ));
        }
        if names.iter().any(|name| name == ALL) && (names.len() > 1 || !is_last) {
            return Err(fields.fault("ErrorEquals", "`States.ALL` must stand alone and in the last entry"));
        }
        Ok(Self(names))
    }

    /// Whether this matcher takes `failure`. Nothing takes `States.Runtime`. Recorded executions on AWS show that
    /// `States.ALL` does take `States.DataLimitExceeded`, although the documentation denies it.
    pub(crate) fn matches(&self, failure: &Failure) -> bool {
        let error = failure.error.as_str();
        error != RUNTIME
            && self.0.iter().any(|name| match name.as_str() {
                ALL => true,
                TASK_FAILED => error != TIMEOUT,
                BRANCH_FAILED => failure.from_branch,
                other => other == error,
            })
    }
}

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retrier {
    pub(crate) errors: ErrorMatcher,
    interval: Duration,
    pub(crate) max_attempts: u32,
    backoff_rate: f64,
    max_delay: Option<Duration>,
    full_jitter: bool,
}

impl Retrier {
    pub(crate) fn read(owner: String, value: Value, is_last: bool) -> Result<Self, DefinitionError> {
        let mut fields = Fields::new(owner, value)?;
        let errors = ErrorMatcher::read(&mut fields, is_last)?;
        let interval: u64 = fields.optional("IntervalSeconds")?.unwrap_or(DEFAULT_INTERVAL_SECONDS);
        if interval == 0 {
            return Err(fields.fault("IntervalSeconds", "must be 1 or more"));
        }
        let max_attempts = fields.optional("MaxAttempts")?.unwrap_or(DEFAULT_MAX_ATTEMPTS);
        if max_attempts > MAX_ATTEMPTS {
            return Err(fields.fault("MaxAttempts", format!("must be at most {MAX_ATTEMPTS}")));
        }
        let backoff_rate: f64 = fields.optional("BackoffRate")?.unwrap_or(DEFAULT_BACKOFF_RATE);
        if backoff_rate < 1.0 {
            return Err(fields.fault("BackoffRate", "must be 1.0 or more"));
        }
        let max_delay: Option<u64> = fields.optional("MaxDelaySeconds")?;
        if max_delay.is_some_and(|seconds| seconds <= interval || seconds >= MAX_DELAY_SECONDS) {
            return Err(fields.fault("MaxDelaySeconds", "must be above IntervalSeconds and below 31622400"));
        }
        let full_jitter = match fields.optional::<String>("JitterStrategy")?.as_deref() {
            None | Some("NONE") => false,
            Some("FULL") => true,
            Some(_) => return Err(fields.fault("JitterStrategy", "must be FULL or NONE")),
        };
        fields.optional::<String>("Comment")?;
        fields.finish()?;
        Ok(Self {
            errors,
            interval: Duration::from_secs(interval),
            max_attempts,
            backoff_rate,
            max_delay: max_delay.map(Duration::from_secs),
            full_jitter,
        })
    }

    /// How long to wait before retry number `attempt`, counted from 0.
    pub(crate) fn delay(&self, attempt: u32, random: &Random) -> Duration {
        let limit = self.max_delay.unwrap_or(Duration::from_secs(MAX_DELAY_SECONDS));
        let factor = self.backoff_rate.powi(i32::try_from(attempt).unwrap_or(i32::MAX));
        let delay = Duration::try_from_secs_f64(self.interval.as_secs_f64() * factor).map_or(limit, |d| d.min(limit));
        if self.full_jitter {
            delay.mul_f64(random.fraction())
        } else {
            delay
        }
    }
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Catcher {
    pub(crate) errors: ErrorMatcher,
    pub(crate) next: String,
    pub(crate) result_path: ResultPath,
}

impl Catcher {
    pub(crate) fn read(owner: String, value: Value, is_last: bool) -> Result<Self, DefinitionError> {
        let mut fields = Fields::new(owner, value)?;
        let errors = ErrorMatcher::read(&mut fields, is_last)?;
        let next = fields.required("Next")?;
        let result_path = ResultPath::read(&mut fields)?;
        fields.optional::<String>("Comment")?;
        fields.finish()?;
        Ok(Self {
            errors,
            next,
            result_path,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn retrier(value: Value) -> Result<Retrier, String> {
        Retrier::read("state `S`, Retry[0]".to_owned(), value, true).map_err(|error| error.to_string())
    }

    fn takes(names: &[&str], failure: &Failure) -> bool {
        ErrorMatcher(names.iter().map(ToString::to_string).collect()).matches(failure)
    }

    #[test]
    fn delays_grow_by_the_rate_up_to_the_maximum() {
        let seconds = |value: Value| {
            let retrier = retrier(value).unwrap();
            (0..5)
                .map(|attempt| retrier.delay(attempt, &Random::new(0)).as_secs_f64())
                .collect::<Vec<_>>()
        };
        assert_eq!(seconds(json!({"ErrorEquals": ["E"]})), [1.0, 2.0, 4.0, 8.0, 16.0]);
        assert_eq!(
            seconds(json!({"ErrorEquals": ["E"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxDelaySeconds": 8})),
            [3.0, 4.5, 6.75, 8.0, 8.0]
        );
    }

    #[test]
    fn the_delay_of_a_late_attempt_does_not_overflow() {
        let retrier = retrier(json!({"ErrorEquals": ["E"], "MaxAttempts": 99_999_999})).unwrap();
        assert_eq!(
            retrier.delay(99_999_998, &Random::new(0)),
            Duration::from_secs(MAX_DELAY_SECONDS)
        );
    }

    #[test]
    fn full_jitter_stays_below_the_backoff_and_repeats_for_a_seed() {
        let retrier = retrier(json!({"ErrorEquals": ["E"], "IntervalSeconds": 100, "JitterStrategy": "FULL"})).unwrap();
        let delays = |seed| {
            let random = Random::new(seed);
            (0..50).map(|_| retrier.delay(0, &random)).collect::<Vec<_>>()
        };
        assert!(delays(1).iter().all(|delay| *delay < Duration::from_secs(100)));
        assert!(delays(1).iter().any(|delay| *delay > Duration::from_secs(50)));
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn wildcards_take_what_the_specification_says() {
        let failure = |name: &str| Failure::new(name, "");
        for (names, error, expected) in [
            (["States.ALL"], "Custom", true),
            (["States.ALL"], "States.Timeout", true),
            (["States.ALL"], "States.DataLimitExceeded", true),
            (["States.ALL"], "States.Runtime", false),
            (["States.TaskFailed"], "Custom", true),
            (["States.TaskFailed"], "States.Timeout", false),
            (["States.TaskFailed"], "States.DataLimitExceeded", true),
            (["States.TaskFailed"], "States.Runtime", false),
            (["States.Runtime"], "States.Runtime", false),
            (["States.DataLimitExceeded"], "States.DataLimitExceeded", true),
            (["Custom"], "Custom", true),
            (["Custom"], "CustomOther", false),
            (["States.BranchFailed"], "Custom", false),
        ] {
            assert_eq!(takes(&names, &failure(error)), expected, "{names:?} {error}");
        }
        let branch = Failure {
            from_branch: true,
            ..failure("Custom")
        };
        assert!(takes(&["States.BranchFailed"], &branch));
        assert!(takes(&["Other", "Custom"], &branch));
    }

    #[test]
    fn faults_of_an_entry_name_the_field() {
        for (value, expected) in [
            (json!({}), "ErrorEquals: is missing"),
            (json!({"ErrorEquals": []}), "ErrorEquals: must list one name or more"),
            (
                json!({"ErrorEquals": ["States.Nope"]}),
                "ErrorEquals: `States.Nope` is not an error name of Step Functions",
            ),
            (
                json!({"ErrorEquals": ["States.ALL", "E"]}),
                "ErrorEquals: `States.ALL` must stand alone and in the last entry",
            ),
            (
                json!({"ErrorEquals": ["E"], "IntervalSeconds": 0}),
                "IntervalSeconds: must be 1 or more",
            ),
            (
                json!({"ErrorEquals": ["E"], "BackoffRate": 0.5}),
                "BackoffRate: must be 1.0 or more",
            ),
            (
                json!({"ErrorEquals": ["E"], "JitterStrategy": "HALF"}),
                "JitterStrategy: must be FULL or NONE",
            ),
            (
                json!({"ErrorEquals": ["E"], "MaxDelaySeconds": 1}),
                "MaxDelaySeconds: must be above IntervalSeconds and below 31622400",
            ),
            (
                json!({"ErrorEquals": ["E"], "Attempts": 1}),
                "Attempts: is not known or not supported here",
            ),
        ] {
            assert_eq!(retrier(value), Err(format!("state `S`, Retry[0], {expected}")));
        }
        let not_last = Retrier::read("r".to_owned(), json!({"ErrorEquals": ["States.ALL"]}), false);
        assert!(not_last.is_err());
    }
}
