//! The state machine of a day with scripted stages: the paths that real stages rarely take.

use super::*;
use cardlake_core::events::{GeneratorEvent, NotifierEvent, TransformerEvent};
use cardlake_states::{ObjectItem, TaskFailure, TaskInvoker};
use futures::future::BoxFuture;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Mutex;

/// Answers by function and action; an answer that is an error name fails the invocation.
struct Script {
    answers: HashMap<&'static str, Vec<Result<Value, &'static str>>>,
    calls: Mutex<Vec<(String, Value)>>,
    objects: Vec<String>,
}

impl Script {
    fn new(overrides: &[(&'static str, Vec<Result<Value, &'static str>>)]) -> Self {
        let counts = json!({"bronze_rows": 1, "silver_rows_added": 1, "duplicates": 0, "quarantined": 0, "late_rows": 0,
            "replaced": 0, "rejected_objects": 0});
        let reconciled = json!({"dataset": "transactions", "batch_date": "2026-01-15", "candidate": "c.json",
            "counts": counts, "files_added": 1, "files_removed": 0, "bytes_read": 0, "bytes_written": 0});
        let mut answers: HashMap<_, _> = HashMap::from([
            ("generator", vec![Ok(json!({}))]),
            (
                "plan",
                vec![Ok(json!({"batch_date": "2026-01-15", "datasets": [
                {"dataset": "transactions", "prefix": "transactions/ingest_date=2026-01-15/", "objects": 2, "bytes": 9}],
                "reconciled": ["transactions"]}))],
            ),
            (
                "transformer",
                vec![Ok(json!({"key": "k", "status": "transformed", "counts": {}}))],
            ),
            ("reconcile", vec![Ok(reconciled)]),
            (
                "validator",
                vec![Ok(
                    json!({"dataset": "transactions", "evaluated": 1, "successful": 1, "warnings": [], "result": null}),
                )],
            ),
            (
                "publish",
                vec![Ok(
                    json!({"dataset": "transactions", "version": 1, "counts": counts, "table_rows": 1}),
                )],
            ),
            (
                "loader",
                vec![
                    Ok(json!({"status": "running", "cursor": {"tick": 1}, "datasets": []})),
                    Ok(json!({"status": "succeeded", "cursor": null, "datasets": [
                    {"dataset": "transactions", "version": 1, "copied_rows": 1, "warehouse_rows": 1}]})),
                ],
            ),
            ("day", vec![Ok(json!({"batch_date": "2026-01-15"}))]),
            ("balance", vec![Ok(json!({"batch_date": "2026-01-15", "datasets": {}}))]),
            (
                "mart_builder",
                vec![Ok(
                    json!({"status": "succeeded", "cursor": null, "marts": {"mart_sales_daily": 3},
                "tests_passed": 1, "warnings": [], "report": null}),
                )],
            ),
            ("notifier", vec![Ok(json!({"run_record": "r.json", "messages": 0}))]),
        ]);
        answers.extend(overrides.iter().cloned());
        Self {
            answers,
            calls: Mutex::default(),
            objects: vec!["a.csv".to_owned(), "b.csv".to_owned()],
        }
    }

    fn calls_of(&self, name: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .filter(|(called, _)| called == name)
            .map(|(_, payload)| payload.clone())
            .collect()
    }
}

impl TaskInvoker for Script {
    fn supports(&self, resource: &str) -> bool {
        resource == "arn:aws:states:::lambda:invoke"
    }

    fn invoke<'a>(&'a self, _resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
        let payload = parameters["Payload"].clone();
        let function = parameters["FunctionName"].as_str().unwrap();
        let name = payload["action"].as_str().unwrap_or(function).to_owned();
        let mut calls = self.calls.lock().unwrap();
        let before = calls.iter().filter(|(called, _)| *called == name).count();
        let answers = &self.answers[name.as_str()];
        calls.push((name, payload));
        let answer = answers[before.min(answers.len() - 1)].clone();
        Box::pin(async move {
            let cause = json!({"errorType": "x", "errorMessage": "what went wrong"}).to_string();
            answer
                .map(|payload| json!({"StatusCode": 200, "Payload": payload}))
                .map_err(|error| TaskFailure {
                    error: error.to_owned(),
                    cause,
                })
        })
    }

    fn list_objects<'a>(
        &'a self,
        _bucket: &'a str,
        prefix: &'a str,
        _max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>> {
        let item = |name: &String| ObjectItem {
            key: format!("{prefix}{name}"),
            size: 1,
        };
        let objects = self.objects.iter().map(item).collect();
        Box::pin(async move { Ok(objects) })
    }
}

async fn day(script: &Script, input: Value) -> Outcome {
    let file = cardlake_assets::embedded()
        .read(AssetFolder::StateMachines, DAILY)
        .unwrap();
    let machine = StateMachine::from_json(&file.text, &StageInvoker::substitutions()).unwrap();
    let options = ExecutionOptions {
        time_scale: 0.0,
        ..ExecutionOptions::new("cardlake-daily", "run-1", Utc::now(), input)
    };
    execute(&machine, options, script, &cardlake_states::Unobserved)
        .await
        .outcome
}

#[tokio::test]
async fn a_good_day_transforms_every_object_and_ticks_until_done() {
    let script = Script::new(&[]);
    let Outcome::Succeeded { output } = day(&script, json!({"batch_date": "2026-01-15"})).await else {
        panic!()
    };
    assert_eq!(
        part::<MartBuilderOutput>(&output, "build").unwrap().marts["mart_sales_daily"],
        3
    );
    let keys: Vec<_> = script
        .calls_of("transformer")
        .iter()
        .map(|call| call["key"].clone())
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(
        keys.contains(&json!("transactions/ingest_date=2026-01-15/b.csv")),
        "{keys:?}"
    );
    let cursors: Vec<_> = script
        .calls_of("loader")
        .iter()
        .map(|call| call["cursor"].clone())
        .collect();
    assert_eq!(cursors, [Value::Null, json!({"tick": 1})]);
    let told = &script.calls_of("notifier")[0];
    assert_eq!(
        (&told["outcome"], &told["run_id"]),
        (&json!("succeeded"), &json!("run-1"))
    );
}

#[tokio::test]
async fn synthetic_input_is_asked_for_with_its_day() {
    let generated = json!({"batch_date": "2026-01-15"});
    let script = Script::new(&[("generator", vec![Ok(generated)])]);
    day(
        &script,
        json!({"batch_date": "2026-01-15", "generate": {"rows": 5, "seed": 1}}),
    )
    .await;
    assert_eq!(
        script.calls_of("generator"),
        [json!({"parts": 1, "batch_date": "2026-01-15", "rows": 5, "seed": 1, "part": {"index": 0, "of": 1}})]
    );
}

#[tokio::test]
async fn every_part_of_a_synthetic_day_has_a_generator() {
    let script = Script::new(&[]);
    let input = json!({"batch_date": "2026-01-15", "generate": {"rows": 5, "parts": 3}});
    assert!(matches!(day(&script, input).await, Outcome::Succeeded { .. }));
    let mut parts: Vec<_> = Vec::new();
    for call in script.calls_of("generator") {
        serde_json::from_value::<GeneratorEvent>(call.clone()).expect("the generator takes it");
        parts.push(call["part"].to_string());
    }
    parts.sort();
    assert_eq!(
        parts,
        [
            r#"{"index":0,"of":3}"#,
            r#"{"index":1,"of":3}"#,
            r#"{"index":2,"of":3}"#
        ]
    );
}

#[tokio::test]
async fn a_wider_late_window_reaches_transformer_and_reconciler() {
    for (input, expected) in [
        (json!({"batch_date": "2026-01-15", "late_window_days": 5}), json!(5)),
        (json!({"batch_date": "2026-01-15"}), Value::Null),
    ] {
        let script = Script::new(&[]);
        day(&script, input).await;
        let calls = [script.calls_of("transformer"), script.calls_of("reconcile")].concat();
        assert_eq!(calls.len(), 3);
        for call in calls {
            assert_eq!(call["late_window_days"], expected, "{call}");
        }
    }
}

#[tokio::test]
async fn a_commit_conflict_leads_back_to_reconcile() {
    let published = Script::new(&[]).answers["publish"][0].clone();
    let script = Script::new(&[("publish", vec![Err("Cardlake.CommitConflict"), published])]);
    assert!(matches!(
        day(&script, json!({"batch_date": "2026-01-15"})).await,
        Outcome::Succeeded { .. }
    ));
    assert_eq!(
        (script.calls_of("reconcile").len(), script.calls_of("publish").len()),
        (2, 2)
    );
    assert_eq!(
        script.calls_of("transformer").len(),
        2,
        "objects are not transformed again"
    );
}

#[tokio::test]
async fn endless_conflicts_end() {
    let script = Script::new(&[("publish", vec![Err("Cardlake.CommitConflict")])]);
    let Outcome::Failed { error, .. } = day(&script, json!({"batch_date": "2026-01-15"})).await else {
        panic!()
    };
    assert_eq!(error, "Cardlake.CommitConflict");
    assert_eq!(script.calls_of("publish").len(), 10);
    assert_eq!(script.calls_of("notifier")[0]["stage"], "Publish");
}

#[tokio::test]
async fn only_transient_errors_are_tried_again() {
    let planned = Script::new(&[]).answers["plan"][0].clone();
    let script = Script::new(&[("plan", vec![Err("Cardlake.Transient"), planned])]);
    assert!(matches!(
        day(&script, json!({"batch_date": "2026-01-15"})).await,
        Outcome::Succeeded { .. }
    ));
    let script = Script::new(&[("plan", vec![Err("Cardlake.Service")])]);
    assert!(matches!(
        day(&script, json!({"batch_date": "2026-01-15"})).await,
        Outcome::Failed { .. }
    ));
    assert_eq!(script.calls_of("plan").len(), 1);
}

#[tokio::test]
async fn every_stage_that_fails_is_named_to_people_and_fails_the_run() {
    for (call, stage) in [
        ("generator", "Generate"),
        ("plan", "Plan"),
        ("reconcile", "Reconcile"),
        ("validator", "Validate"),
        ("publish", "Publish"),
        ("loader", "Load"),
        ("balance", "Balance"),
        ("mart_builder", "Build"),
    ] {
        let script = Script::new(&[(call, vec![Err("Cardlake.Internal")])]);
        let outcome = day(&script, json!({"batch_date": "2026-01-15", "generate": {"rows": 1}})).await;
        let told = script.calls_of("notifier").pop().unwrap_or_default();
        if call == "generator" {
            assert_eq!(script.calls_of("plan").len(), 0);
        }
        assert!(
            matches!(&outcome, Outcome::Failed { error, .. } if error == "Cardlake.Internal"),
            "{call}: {outcome:?}"
        );
        assert_eq!(
            (&told["outcome"], &told["stage"]),
            (&json!("failed"), &json!(stage)),
            "{call}"
        );
        assert!(told["cause"].as_str().unwrap().contains("what went wrong"));
        let told: NotifierEvent = serde_json::from_value(told).expect("the notifier takes it");
        let NotifierEvent::Failed { plan, .. } = told else {
            panic!("{told:?}")
        };
        let is_planned = !["generator", "plan"].contains(&call);
        assert_eq!(plan.output.is_some(), is_planned, "{call}");
    }
}

#[tokio::test]
async fn an_object_that_fails_does_not_stop_the_others() {
    let script = Script::new(&[("transformer", vec![Err("Cardlake.Internal")])]);
    day(&script, json!({"batch_date": "2026-01-15"})).await;
    assert_eq!(script.calls_of("transformer").len(), 2);
    assert_eq!(
        script.calls_of("reconcile").len(),
        1,
        "reconcile decides what a missing record means"
    );
}

#[tokio::test]
async fn what_thousands_of_objects_come_to_fits_into_one_payload() {
    // Two megabytes together; a payload has a quarter of one.
    let output = json!({"key": "k".repeat(1000), "status": "transformed", "counts": {}});
    for answer in [Ok(output), Err("Cardlake.Internal")] {
        let mut script = Script::new(&[("transformer", vec![answer])]);
        script.objects = (0..2000).map(|number| format!("{number:0200}.csv")).collect();
        let outcome = day(&script, json!({"batch_date": "2026-01-15"})).await;
        assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
        assert_eq!(script.calls_of("transformer").len(), 2000);
    }
}

#[test]
fn a_cause_is_told_in_the_words_of_the_function_or_in_ours() {
    let reply = json!({"errorType": "E", "errorMessage": "it broke", "stackTrace": []}).to_string();
    for (error, cause, told) in [
        ("E", reply.as_str(), "it broke"),
        ("E", "as it is", "as it is"),
        ("E", "", "no cause was given"),
        ("States.Timeout", "", "it took longer than the state machine lets it"),
        ("Stage.Timeout", "", "it took longer than the state machine lets it"),
    ] {
        assert_eq!(failure_message(error, cause), told);
    }
}

#[tokio::test]
async fn names_of_step_functions_own_are_for_people_and_not_for_a_fail_state() {
    for (error, name) in [
        ("States.Timeout", "Stage.Timeout"),
        ("States.TaskFailed", "Stage.TaskFailed"),
        ("Cardlake.Internal", "Cardlake.Internal"),
        ("Lambda.Unknown", "Lambda.Unknown"),
    ] {
        let script = Script::new(&[("loader", vec![Err(error)])]);
        let outcome = day(&script, json!({"batch_date": "2026-01-15"})).await;
        let Outcome::Failed { error: told, cause, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(told, name);
        assert!(cause.contains("what went wrong"), "{cause}");
        assert_eq!(script.calls_of("notifier")[0]["error"], error);
    }
}

#[tokio::test]
async fn a_run_without_a_day_is_refused() {
    let Outcome::Failed { error, cause, .. } = day(&Script::new(&[]), json!({})).await else {
        panic!()
    };
    assert_eq!(error, "Cardlake.InvalidEvent");
    assert!(cause.contains("batch_date"), "{cause}");
}

#[tokio::test]
async fn a_run_begins_with_the_stage_that_is_asked_for() {
    for (stage, called, left_out) in [("load", "loader", "plan"), ("build", "mart_builder", "loader")] {
        let script = Script::new(&[]);
        let outcome = day(&script, json!({"batch_date": "2026-01-15", "from_stage": stage})).await;
        assert!(matches!(outcome, Outcome::Succeeded { .. }), "{stage}: {outcome:?}");
        assert!(!script.calls_of(called).is_empty(), "{stage}");
        assert_eq!(script.calls_of(left_out).len(), 0, "{stage}");
        let told = script.calls_of("notifier").pop().unwrap();
        serde_json::from_value::<NotifierEvent>(told).expect("the notifier takes it");
    }
    let Outcome::Failed { error, .. } = day(
        &Script::new(&[]),
        json!({"batch_date": "2026-01-15", "from_stage": "end"}),
    )
    .await
    else {
        panic!()
    };
    assert_eq!(error, "Cardlake.InvalidEvent");
}

#[tokio::test]
async fn a_reprocessing_run_tells_the_transformer_so() {
    for (input, expected) in [
        (json!({"batch_date": "2026-01-15", "reprocess": true}), true),
        (json!({"batch_date": "2026-01-15"}), false),
    ] {
        let script = Script::new(&[]);
        day(&script, input.clone()).await;
        for call in script.calls_of("transformer") {
            let event: TransformerEvent = serde_json::from_value(call).expect("the transformer takes it");
            assert_eq!(event.reprocess, expected);
        }
        let told = script.calls_of("notifier").pop().unwrap();
        assert_eq!(told["execution"]["input"], input);
    }
}

#[tokio::test]
async fn a_schedule_names_its_time_and_the_run_is_about_the_day_before() {
    let script = Script::new(&[]);
    let outcome = day(&script, json!({"scheduled_time": "2026-01-16T02:00:00Z"})).await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
    assert_eq!(
        script.calls_of("day"),
        [json!({"action": "day", "scheduled_time": "2026-01-16T02:00:00Z", "days_back": 1})]
    );
    assert_eq!(script.calls_of("plan")[0]["batch_date"], "2026-01-15");
    assert_eq!(script.calls_of("notifier")[0]["batch_date"], "2026-01-15");
}

#[tokio::test]
async fn waits_for_long_statements_grow() {
    let running = json!({"status": "running", "cursor": {"tick": 1}, "datasets": []});
    let mut ticks = vec![Ok(running); 14];
    ticks.push(Script::new(&[]).answers["loader"][1].clone());
    let script = Script::new(&[("loader", ticks)]);
    let file = cardlake_assets::embedded()
        .read(AssetFolder::StateMachines, DAILY)
        .unwrap();
    let machine = StateMachine::from_json(&file.text, &StageInvoker::substitutions()).unwrap();
    let options = ExecutionOptions {
        time_scale: 0.0,
        ..ExecutionOptions::new(
            "cardlake-daily",
            "run-1",
            Utc::now(),
            json!({"batch_date": "2026-01-15"}),
        )
    };
    let started = options.start_time;
    let result = execute(&machine, options, &script, &cardlake_states::Unobserved).await;
    // 1 to 10 seconds, then 10 each time, on the clock of the execution.
    let waited = (result.end_time - started).num_seconds();
    assert!((95..120).contains(&waited), "{waited}");
}

#[test]
fn the_state_machines_of_the_project_load() {
    let assets = cardlake_assets::embedded();
    let files = assets.list(AssetFolder::StateMachines).unwrap();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        state_machine(&assets, &file.path).unwrap();
    }
}
