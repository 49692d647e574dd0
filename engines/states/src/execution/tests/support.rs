//! An invoker with prepared answers, and shorthands for running definitions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    ExecutionOptions, ExecutionResult, ObjectItem, Outcome, StateMachine, TaskFailure, TaskInvoker, Unobserved, execute,
};

/// Answers tasks with prepared results, in order and per resource; the last one is repeated.
#[derive(Default)]
pub(super) struct Script {
    pub(super) answers: Mutex<BTreeMap<String, Vec<Result<Value, TaskFailure>>>>,
    pub(super) calls: Mutex<Vec<(String, Value)>>,
    pub(super) objects: Vec<ObjectItem>,
    /// How long every task takes.
    pub(super) duration: Duration,
    pub(super) running: Mutex<(usize, usize)>,
}

impl Script {
    pub(super) fn answering(resource: &str, answers: Vec<Result<Value, TaskFailure>>) -> Self {
        Self {
            answers: Mutex::new(BTreeMap::from([(resource.to_owned(), answers)])),
            ..Self::default()
        }
    }

    pub(super) fn parameters(&self) -> Vec<Value> {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .map(|(_, parameters)| parameters.clone())
            .collect()
    }

    /// The most tasks that ran at the same time.
    pub(super) fn peak(&self) -> usize {
        self.running.lock().unwrap().1
    }
}

impl TaskInvoker for Script {
    fn supports(&self, resource: &str) -> bool {
        resource != "unsupported"
    }

    fn invoke<'a>(&'a self, resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
        async move {
            {
                let mut running = self.running.lock().unwrap();
                running.0 += 1;
                running.1 = running.1.max(running.0);
            }
            tokio::time::sleep(self.duration).await;
            self.running.lock().unwrap().0 -= 1;
            self.calls
                .lock()
                .unwrap()
                .push((resource.to_owned(), parameters.clone()));
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            match answers.get_mut(resource) {
                Some(prepared) if prepared.len() > 1 => prepared.remove(0),
                Some(prepared) => prepared[0].clone(),
                // Without an answer a task echoes, and an input that asks for it fails.
                None => match parameters.get("fail") {
                    Some(error) => Err(fail(error.as_str().unwrap_or("E"))),
                    None => Ok(parameters),
                },
            }
        }
        .boxed()
    }

    fn list_objects<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>> {
        async move {
            if bucket == "missing" {
                return Err(fail("S3.NoSuchBucketException"));
            }
            let listed = self.objects.iter().filter(|object| object.key.starts_with(prefix));
            Ok(listed.take(max_items.unwrap_or(usize::MAX)).cloned().collect())
        }
        .boxed()
    }
}

pub(super) fn fail(error: &str) -> TaskFailure {
    TaskFailure {
        error: error.to_owned(),
        cause: format!("{error} happened"),
    }
}

pub(super) fn machine(definition: &Value) -> StateMachine {
    StateMachine::from_json(&definition.to_string(), &BTreeMap::new()).unwrap()
}

pub(super) fn options(input: Value) -> ExecutionOptions {
    let start = "2026-01-15T02:00:00Z".parse().unwrap();
    ExecutionOptions {
        time_scale: 0.0,
        ..ExecutionOptions::new("daily", "run-1", start, input)
    }
}

pub(super) async fn run_with(script: &Script, definition: Value, input: Value) -> ExecutionResult {
    execute(&machine(&definition), options(input), script, &Unobserved).await
}

/// How far the clock of the execution moved.
pub(super) fn seconds_passed(result: &ExecutionResult) -> i64 {
    result
        .end_time
        .signed_duration_since(options(json!({})).start_time)
        .num_seconds()
}

pub(super) fn succeeded(output: Value) -> Outcome {
    Outcome::Succeeded { output }
}

pub(super) fn error_of(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { error, .. } => error,
        other => panic!("not a failure: {other:?}"),
    }
}
