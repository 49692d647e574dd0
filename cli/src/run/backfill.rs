//! Several days through the backfill's state machine, each of them a daily execution in this process.

use super::{DayOutcome, run_day, state_machine};
use crate::environment::Environment;
use crate::error::CliError;
use crate::invoker::DAILY_STATE_MACHINE;
use crate::progress::Progress;
use cardlake_core::paths::parse_day;
use cardlake_states::{ExecutionOptions, ObjectItem, Outcome, TaskFailure, TaskInvoker, Unobserved, execute};
use chrono::Utc;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// The file that a backfill follows.
const BACKFILL: &str = "backfill.asl.json";
/// The task that runs a state machine to its end.
const RUN_TO_END: &str = "arn:aws:states:::states:startExecution.sync:2";

/// What came of the days that were run, in order.
#[derive(Debug)]
pub struct BackfillOutcome {
    /// The days.
    pub days: Vec<DayOutcome>,
    /// Why the backfill as a whole failed, if it did: name and cause.
    pub failure: Option<(String, String)>,
}

/// Runs the days that `input` names.
///
/// # Errors
/// A state machine or a stage's settings are wrong. A day that fails is an outcome, not an error.
pub async fn backfill(
    environment: &Environment,
    input: Value,
    progress: &Progress,
) -> Result<BackfillOutcome, CliError> {
    let machine = state_machine(&environment.assets(), BACKFILL)?;
    let days = Days {
        environment,
        progress,
        outcomes: Mutex::default(),
    };
    let name = uuid::Uuid::new_v4().simple().to_string();
    let options = ExecutionOptions::new("cardlake-backfill", &name, Utc::now(), input);
    let result = execute(&machine, options, &days, &Unobserved).await;
    let failure = match result.outcome {
        Outcome::Succeeded { .. } => None,
        Outcome::Failed { error, cause, .. } => Some((error, cause)),
        Outcome::TimedOut => Some(("States.Timeout".to_owned(), "it took too long".to_owned())),
    };
    Ok(BackfillOutcome {
        days: days.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner),
        failure,
    })
}

/// Runs daily executions.
struct Days<'a> {
    environment: &'a Environment,
    progress: &'a Progress,
    outcomes: Mutex<Vec<DayOutcome>>,
}

impl Days<'_> {
    async fn run(&self, parameters: Value) -> Result<Value, TaskFailure> {
        let failed = |cause: String| TaskFailure {
            error: "States.TaskFailed".to_owned(),
            cause,
        };
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("StateMachineArn") != DAILY_STATE_MACHINE {
            return Err(failed(format!("there is no state machine {}", text("StateMachineArn"))));
        }
        let input = parameters.get("Input").cloned().unwrap_or_default();
        let date = input.get("batch_date").and_then(Value::as_str).and_then(parse_day);
        let Some(date) = date else {
            return Err(failed(format!(
                "{}: not a date, write it as 2026-01-15",
                input["batch_date"]
            )));
        };
        let outcome = run_day(self.environment, date, input, self.progress)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let failure = outcome.failure.clone();
        self.outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(outcome);
        let arn = format!(
            "{}:{}",
            DAILY_STATE_MACHINE.replace(":stateMachine:", ":execution:"),
            text("Name")
        );
        match failure {
            None => Ok(json!({ "ExecutionArn": arn, "Name": text("Name"), "Status": "SUCCEEDED" })),
            Some(failure) => Err(failed(
                json!({ "ExecutionArn": arn, "Status": "FAILED", "Error": failure.error, "Cause": failure.message })
                    .to_string(),
            )),
        }
    }
}

impl TaskInvoker for Days<'_> {
    fn supports(&self, resource: &str) -> bool {
        resource == RUN_TO_END
    }

    fn invoke<'a>(&'a self, _resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
        Box::pin(self.run(parameters))
    }

    fn list_objects<'a>(
        &'a self,
        bucket: &'a str,
        _prefix: &'a str,
        _max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>> {
        Box::pin(std::future::ready(Err(TaskFailure {
            error: "States.ItemReaderFailed".to_owned(),
            cause: format!("a backfill lists no objects, {bucket} is none of its business"),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers daily executions: a day in `broken` fails.
    struct Script {
        broken: Vec<String>,
        days: Mutex<Vec<Value>>,
    }

    impl TaskInvoker for Script {
        fn supports(&self, resource: &str) -> bool {
            resource == RUN_TO_END
        }

        fn invoke<'a>(&'a self, _resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
            let day = parameters["Input"]["batch_date"].as_str().unwrap().to_owned();
            let answer = if self.broken.contains(&day) {
                Err(TaskFailure {
                    error: "States.TaskFailed".to_owned(),
                    cause: "it did not go well".to_owned(),
                })
            } else {
                Ok(
                    json!({ "ExecutionArn": format!("arn:{day}"), "Status": "SUCCEEDED", "Output": "x".repeat(200_000) }),
                )
            };
            self.days.lock().unwrap().push(parameters);
            Box::pin(std::future::ready(answer))
        }

        fn list_objects<'a>(
            &'a self,
            _bucket: &'a str,
            _prefix: &'a str,
            _max_items: Option<usize>,
        ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>> {
            unreachable!("a backfill lists nothing")
        }
    }

    /// A backfill, as the table has it that the tests on LocalStack run too.
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        what: String,
        dates: Vec<String>,
        #[serde(default)]
        broken: Vec<String>,
        #[serde(default)]
        keep_going: bool,
        /// Of the days that are run.
        outcomes: Vec<String>,
    }

    async fn run(broken: &[&str], input: Value) -> (Outcome, Vec<Value>) {
        let script = Script {
            broken: broken.iter().map(|day| (*day).to_owned()).collect(),
            days: Mutex::default(),
        };
        let options = ExecutionOptions {
            time_scale: 0.0,
            ..ExecutionOptions::new("cardlake-backfill", "b", Utc::now(), input)
        };
        let machine = state_machine(&cardlake_assets::embedded(), BACKFILL).unwrap();
        let outcome = execute(&machine, options, &script, &Unobserved).await.outcome;
        (outcome, script.days.into_inner().unwrap())
    }

    fn dates(days: &[Value]) -> Vec<&str> {
        days.iter()
            .map(|day| day["Input"]["batch_date"].as_str().unwrap())
            .collect()
    }

    const THREE: [&str; 3] = ["2026-01-13", "2026-01-14", "2026-01-15"];

    #[tokio::test]
    async fn days_run_in_order_with_what_was_asked_for() {
        let input = json!({"dates": THREE, "from_stage": "load", "late_window_days": 7});
        let (outcome, days) = run(&[], input).await;
        assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
        assert_eq!(dates(&days), THREE);
        for day in &days {
            let input = &day["Input"];
            assert_eq!(
                (&input["from_stage"], &input["late_window_days"]),
                (&json!("load"), &json!(7))
            );
            assert_eq!((&input["generate"], &input["reprocess"]), (&Value::Null, &json!(false)));
            assert!(
                day["Name"].as_str().unwrap().len() <= 80,
                "the longest name of an execution"
            );
        }
        assert_ne!(days[0]["Name"], days[1]["Name"]);
    }

    #[tokio::test]
    async fn one_two_and_three_days_come_to_what_the_table_says() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/backfills.json")).unwrap();
        for case in cases {
            let what = &case.what;
            let broken: Vec<_> = case.broken.iter().map(String::as_str).collect();
            let (outcome, days) = run(&broken, json!({"dates": case.dates, "keep_going": case.keep_going})).await;
            assert_eq!(dates(&days), case.dates[..case.outcomes.len()], "{what}");
            let told: Vec<_> = case.dates.iter().zip(&case.outcomes).collect();
            match outcome {
                Outcome::Succeeded { output } => {
                    assert!(!case.outcomes.contains(&"failed".to_owned()), "{what}");
                    let days = output["days"].as_array().unwrap();
                    assert_eq!(days.len(), told.len(), "{what}");
                    for (day, (date, outcome)) in days.iter().zip(told) {
                        assert_eq!(
                            (&day["batch_date"], &day["outcome"]),
                            (&json!(date), &json!(outcome)),
                            "{what}"
                        );
                    }
                }
                Outcome::Failed { error, cause, .. } => {
                    assert_eq!(error, "Backfill.DaysFailed", "{what}");
                    if case.keep_going {
                        for (date, outcome) in told {
                            let day = format!(r#"{{"batch_date":"{date}","outcome":"{outcome}""#);
                            assert!(cause.contains(&day), "{what}: {cause}");
                        }
                    } else {
                        let day = format!("{}: it did not go well (States.TaskFailed)", case.broken[0]);
                        assert_eq!(cause, day, "{what}");
                    }
                }
                Outcome::TimedOut => panic!("{what}"),
            }
        }
    }

    #[tokio::test]
    async fn a_backfill_without_days_is_refused() {
        for input in [json!({}), json!({"dates": []})] {
            let (outcome, days) = run(&[], input).await;
            assert!(
                matches!(&outcome, Outcome::Failed { error, .. } if error == "Cardlake.InvalidEvent"),
                "{outcome:?}"
            );
            assert!(days.is_empty());
        }
    }
}
