//! The history of an execution and the calls of its observer.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::support::{Script, error_of, fail, machine, options, run_with, seconds_passed};
use crate::execution::history::MAX_HISTORY_EVENTS;
use crate::{MapProgress, Observer, StateEvent, TaskFailure, execute};

#[tokio::test]
async fn the_history_tells_every_step() {
    let script = Script::answering("r", vec![Err(fail("E")), Ok(json!({"n": 1}))]);
    let result = run_with(
        &script,
        json!({"StartAt": "S", "States": {
            "S": {"Type": "Task", "Resource": "r", "Retry": [{"ErrorEquals": ["E"]}], "Next": "T"},
            "T": {"Type": "Succeed"}
        }}),
        json!({"i": 1}),
    )
    .await;
    let events: Vec<String> = result
        .history
        .iter()
        .map(|event| format!("{} {} {} {}", event.id, event.event_type, event.state, event.details))
        .collect();
    insta::assert_snapshot!(events.join("\n"), @r#"
    1 ExecutionStarted  {"input":{"i":1}}
    2 TaskStateEntered S {"input":{"i":1}}
    3 TaskScheduled S {"resource":"r"}
    4 TaskFailed S {"error":"E","cause":"E happened"}
    5 TaskScheduled S {"resource":"r"}
    6 TaskSucceeded S {"output":{"n":1}}
    7 TaskStateExited S {"output":{"n":1}}
    8 SucceedStateEntered T {"input":{"n":1}}
    9 SucceedStateExited T {"output":{"n":1}}
    10 ExecutionSucceeded  {"output":{"n":1}}
    "#);
    assert_eq!((result.transitions, seconds_passed(&result)), (3, 1));
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_quota_for_events() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "C"},
        "C": {"Type": "Choice", "Default": "A", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "D"}]},
        "D": {"Type": "Succeed"}
    }});
    let result = run_with(&Script::default(), definition, json!({})).await;
    assert_eq!(error_of(&result.outcome), "States.Runtime");
    assert_eq!(result.history.len(), MAX_HISTORY_EVENTS);
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn state_entered(&self, event: StateEvent<'_>) {
        self.0
            .lock()
            .unwrap()
            .push(format!("enter {} {}", event.path, event.state_type));
    }

    fn state_exited(&self, event: StateEvent<'_>, _duration: Duration, failure: Option<&TaskFailure>) {
        let failure = failure.map_or("ok", |failure| &failure.error);
        self.0.lock().unwrap().push(format!("exit {} {failure}", event.path));
    }

    fn state_retried(&self, event: StateEvent<'_>, failure: &TaskFailure, attempt: u32, delay: Duration) {
        let line = format!(
            "retry {} {} {attempt} in {} s",
            event.path,
            failure.error,
            delay.as_secs()
        );
        self.0.lock().unwrap().push(line);
    }

    fn map_progressed(&self, event: StateEvent<'_>, progress: MapProgress) {
        let MapProgress {
            total,
            succeeded,
            failed,
        } = progress;
        self.0
            .lock()
            .unwrap()
            .push(format!("map {} {succeeded}+{failed}/{total}", event.path));
    }
}

#[tokio::test]
async fn an_observer_sees_states_retries_and_maps() {
    let definition = machine(&json!({"StartAt": "M", "States": {
        "M": {"Type": "Map", "MaxConcurrency": 1, "Next": "F", "ItemProcessor": {
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "r", "End": true,
                "Retry": [{"ErrorEquals": ["E"]}]}}
        }},
        "F": {"Type": "Fail", "Error": "Done"}
    }}));
    let script = Script::answering("r", vec![Err(fail("E")), Ok(json!(1))]);
    let log = Log::default();
    execute(&definition, options(json!(["cards", {"Key": "k"}])), &script, &log).await;
    insta::assert_snapshot!(log.0.into_inner().unwrap().join("\n"), @"
    enter M Map
    map M 0+0/2
    enter M[cards]/T Task
    retry M[cards]/T E 1 in 1 s
    exit M[cards]/T ok
    map M 1+0/2
    enter M[1]/T Task
    exit M[1]/T ok
    map M 2+0/2
    exit M ok
    enter F Fail
    exit F Done
    ");
}
