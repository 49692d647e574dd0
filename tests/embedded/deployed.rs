//! Runs of a deployed stack, followed from an operator's machine: Step Functions is an endpoint of our own that says what the
//! test wants it to say.

use crate::harness::Lake;
use axum::Router;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:cardlake-dev-backfill:run-1";

/// Step Functions: an execution that is as `described` says. Tells the operations that it is asked for.
struct StepFunctions {
    endpoint: String,
    asked: Receiver<String>,
    _runtime: tokio::runtime::Runtime,
}

impl StepFunctions {
    fn start(described: &Value) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (told, asked) = channel();
        let mut answer = json!({
            "executionArn": EXECUTION, "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:cardlake-dev-backfill",
            "startDate": 1_768_464_000.0,
        });
        answer
            .as_object_mut()
            .unwrap()
            .extend(described.as_object().unwrap().clone());
        let handler = move |headers: HeaderMap| async move {
            let operation = headers["x-amz-target"]
                .to_str()
                .unwrap()
                .replace("AWSStepFunctions.", "");
            told.send(operation.clone()).unwrap();
            if operation == "GetExecutionHistory" {
                // A service that is gone while it is asked.
                std::future::pending::<()>().await;
            }
            answer.to_string()
        };
        runtime.spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self {
            endpoint,
            asked,
            _runtime: runtime,
        }
    }

    fn backfill(&self, lake: &Lake) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardlake"));
        let state_machine = "arn:aws:states:us-east-1:123456789012:stateMachine:cardlake-dev-backfill";
        command
            .args(["backfill", "--aws", "--from", "2026-01-13", "--to", "2026-01-15"])
            .env("CARDLAKE_DATA_DIR", lake.path(""))
            .env("CARDLAKE_BACKFILL_STATE_MACHINE_ARN", state_machine)
            .env("CARDLAKE_SILVER_BUCKET", "silver")
            .envs([
                ("AWS_ACCESS_KEY_ID", "k"),
                ("AWS_SECRET_ACCESS_KEY", "s"),
                ("AWS_REGION", "us-east-1"),
            ])
            .env("AWS_ENDPOINT_URL_SFN", &self.endpoint)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

#[test]
fn ctrl_c_leaves_an_execution_running_and_says_how_to_follow_and_how_to_stop_it() {
    let step_functions = StepFunctions::start(&json!({"status": "RUNNING"}));
    let child = step_functions.backfill(&Lake::new()).spawn().unwrap();
    let mut asked: Vec<String> = Vec::new();
    while asked.last().is_none_or(|last| last != "GetExecutionHistory") {
        asked.push(step_functions.asked.recv().unwrap());
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    let follow = "`cardlake status --aws`".to_owned();
    let stop = format!("`aws stepfunctions stop-execution --execution-arn {EXECUTION}`");
    for part in [format!("{EXECUTION} goes on"), follow, stop] {
        assert!(told.contains(&part), "{part}: {told}");
    }
    asked.extend(step_functions.asked.try_iter());
    assert!(!asked.contains(&"StopExecution".to_owned()), "{asked:?}");
}
