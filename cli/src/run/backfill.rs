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
        broken: Vec<&'static str>,
        days: Mutex<Vec<Value>>,
    }

    impl TaskInvoker for Script {
        fn supports(&self, resource: &str) -> bool {
            resource == RUN_TO_END
        }

        fn invoke<'a>(&'a self, _resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
            let day = parameters["Input"]["batch_date"].as_str().unwrap().to_owned();
            let answer = if self.broken.contains(&day.as_str()) {
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

    async fn run(broken: &[&'static str], input: Value) -> (Outcome, Vec<Value>) {
        let script = Script {
            broken: broken.to_vec(),
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
    async fn a_day_that_fails_ends_the_backfill() {
        let (outcome, days) = run(&["2026-01-14"], json!({"dates": THREE})).await;
        let Outcome::Failed { error, cause, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (error.as_str(), cause.as_str()),
            ("States.TaskFailed", "it did not go well")
        );
        assert_eq!(dates(&days), THREE[..2]);
    }

    #[tokio::test]
    async fn the_others_go_on_when_that_is_wanted_and_the_backfill_fails_in_the_end() {
        let (outcome, days) = run(&["2026-01-13"], json!({"dates": THREE, "keep_going": true})).await;
        let Outcome::Failed { error, cause, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(error, "Backfill.DaysFailed");
        assert!(
            cause.contains(r#"{"batch_date":"2026-01-13","outcome":"failed""#),
            "{cause}"
        );
        assert!(
            cause.contains(r#"{"batch_date":"2026-01-15","outcome":"succeeded""#),
            "{cause}"
        );
        assert_eq!(dates(&days), THREE);
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
