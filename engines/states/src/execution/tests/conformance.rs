//! Public test suites for state machines: what executions on AWS were recorded to give, and definitions that a registry
//! ships. The cases are data: `tests/states_language/` of this crate.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::support;
use crate::failure::TIMEOUT;
use crate::{ObjectItem, Outcome, StateMachine, TaskFailure, TaskInvoker, Unobserved, execute};

/// What one group of recorded cases is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    topic: String,
    /// The module of LocalStack's public test suite, below `tests/aws/services/stepfunctions/v2`, whose snapshots were
    /// recorded on AWS. The definitions are our own.
    source: String,
    /// The operator of a `Choice`. With `Path` at its end it reads the value from the input.
    operator: Option<String>,
    /// Variable, value that it is compared with, verdict.
    #[serde(default)]
    comparisons: Vec<(Value, Value, bool)>,
    /// An intrinsic function with its arguments.
    expression: Option<String>,
    #[serde(default)]
    cases: Vec<Case>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows.
    name: Option<String>,
    /// The definition; without one, a `Pass` state that computes the expression of the topic.
    definition: Option<Value>,
    /// The definition's file in the package that ships it.
    file: Option<String>,
    #[serde(default)]
    input: Value,
    /// What tasks answer, in the order in which they are asked.
    #[serde(default)]
    tasks: VecDeque<Answer>,
    #[serde(default, deserialize_with = "present")]
    output: Option<Value>,
    /// The name of the error with which the execution fails.
    error: Option<String>,
    /// The cause, where Step Functions does not word it itself.
    cause: Option<String>,
    /// Part of the message with which the definition is refused.
    refused: Option<String>,
}

/// What a task comes to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Answer {
    Output(Value),
    /// The name of the error and its cause.
    Error(String, String),
    /// It never answers.
    Silence,
}

/// Tells `null` from nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Answers tasks one after the other.
struct Replay(Mutex<VecDeque<Answer>>);

impl TaskInvoker for Replay {
    fn supports(&self, resource: &str) -> bool {
        resource == "r" || resource == "arn:aws:states:::lambda:invoke"
    }

    fn invoke<'a>(&'a self, _resource: &'a str, _parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
        async move {
            let answer = self.0.lock().unwrap().pop_front();
            match answer {
                Some(Answer::Output(output)) => Ok(output),
                Some(Answer::Error(error, cause)) => Err(TaskFailure { error, cause }),
                Some(Answer::Silence) => futures::future::pending().await,
                None => Err(TaskFailure {
                    error: "AskedTooOften".to_owned(),
                    cause: String::new(),
                }),
            }
        }
        .boxed()
    }

    fn list_objects<'a>(
        &'a self,
        _bucket: &'a str,
        _prefix: &'a str,
        _max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

/// How a definition ended.
#[derive(Debug)]
enum End {
    Output(Value),
    /// The name of the error and its cause.
    Error(String, String),
    Refused(String),
}

impl Case {
    async fn run(&self, definition: &str) -> End {
        let replay = Replay(Mutex::new(self.tasks.clone()));
        let machine = StateMachine::from_json(definition, &BTreeMap::new())
            .and_then(|machine| machine.check_resources(|name| replay.supports(name)).map(|()| machine));
        let machine = match machine {
            Ok(machine) => machine,
            Err(error) => return End::Refused(error.to_string()),
        };
        let options = support::options(self.input.clone());
        match execute(&machine, options, &replay, &Unobserved).await.outcome {
            Outcome::Succeeded { output } => End::Output(output),
            Outcome::Failed { error, cause, .. } => End::Error(error, cause),
            Outcome::TimedOut => End::Error(TIMEOUT.to_owned(), String::new()),
        }
    }

    fn check(&self, end: &End) -> Result<(), String> {
        let good = match (self, end) {
            (
                Self {
                    refused: Some(part), ..
                },
                End::Refused(message),
            ) => message.contains(part),
            (
                Self {
                    error: Some(wanted),
                    cause,
                    ..
                },
                End::Error(error, found),
            ) => wanted == error && cause.as_ref().is_none_or(|cause| cause == found),
            (
                Self {
                    output: Some(output), ..
                },
                End::Output(found),
            ) => output == found,
            _ => false,
        };
        let Self {
            output,
            error,
            cause,
            refused,
            ..
        } = self;
        good.then_some(()).ok_or_else(|| match (refused, error) {
            (Some(part), _) => format!("should be refused with `{part}`, and gave {end:?}"),
            (_, Some(error)) => format!("should fail with {error}: {cause:?}, and gave {end:?}"),
            _ => format!("should give {}, and gave {end:?}", output.clone().unwrap_or_default()),
        })
    }
}

impl Topic {
    /// The cases with their names and definitions.
    fn runs(&self) -> Vec<(String, Value, Cow<'_, Case>)> {
        let comparisons = self.comparisons.iter().map(|(variable, value, verdict)| {
            let operator = self.operator.as_deref().unwrap();
            let operand = if operator.ends_with("Path") {
                json!("$.value")
            } else {
                value.clone()
            };
            let definition = json!({"StartAt": "Ask", "States": {
                "Ask": {"Type": "Choice", "Choices": [{"Variable": "$.variable", operator: operand, "Next": "Holds"}],
                    "Default": "Fails"},
                "Holds": {"Type": "Pass", "Result": true, "End": true},
                "Fails": {"Type": "Pass", "Result": false, "End": true}
            }});
            let case = Case {
                input: json!({ "variable": variable, "value": value }),
                output: Some(json!(verdict)),
                ..Case::default()
            };
            (format!("{variable} and {value}"), definition, Cow::Owned(case))
        });
        let cases = self.cases.iter().map(|case| {
            let name = case.name.clone().unwrap_or_else(|| format!("of {}", case.input));
            let definition = case.definition.clone().unwrap_or_else(|| {
                let parameters = json!({ "result.$": self.expression.as_deref().unwrap() });
                let compute = json!({"Type": "Pass", "Parameters": parameters, "OutputPath": "$.result", "End": true});
                json!({"StartAt": "Compute", "States": {"Compute": compute}})
            });
            (name, definition, Cow::Borrowed(case))
        });
        comparisons.chain(cases).collect()
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder, in order.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn cases_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states_language")
}

/// Fails with every problem, if there is one.
fn report(outcomes: &[Result<(), String>]) {
    let problems: Vec<_> = outcomes
        .iter()
        .filter_map(|o| o.as_ref().err().map(String::as_str))
        .collect();
    assert!(
        problems.is_empty(),
        "{} of {}:\n{}",
        problems.len(),
        outcomes.len(),
        problems.join("\n")
    );
}

#[tokio::test]
async fn executions_end_as_they_did_on_aws() {
    let files = files_below(&cases_folder().join("recorded"));
    let topics: Vec<Topic> = files.iter().flat_map(|path| read::<Vec<Topic>>(path)).collect();
    let runs = topics.iter().flat_map(|topic| {
        topic
            .runs()
            .into_iter()
            .map(move |(name, definition, case)| async move {
                let end = case.run(&definition.to_string()).await;
                case.check(&end)
                    .map_err(|problem| format!("{} ({}), {name}: {problem}", topic.topic, topic.source))
            })
    });
    let outcomes = futures::future::join_all(runs).await;
    assert!(outcomes.len() > 600, "{} cases", outcomes.len());
    report(&outcomes);
}

#[tokio::test]
async fn definitions_that_a_package_ships_end_as_they_should_or_are_refused_by_name() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/definition-samples.sh");
    let fetched = Command::new(script).output().unwrap();
    let problem = String::from_utf8_lossy(&fetched.stderr);
    assert!(
        fetched.status.success(),
        "the source distribution of moto could not be had: {problem}"
    );
    let folder = PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim());

    let cases: Vec<Case> = read(&cases_folder().join("shipped.yaml"));
    let named: BTreeSet<_> = cases
        .iter()
        .map(|case| folder.join(case.file.as_deref().unwrap()))
        .collect();
    let shipped = files_below(&folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"));
    assert_eq!(named, shipped.collect(), "every definition has a case");

    let runs = cases.iter().map(|case| async {
        let file = case.file.as_deref().unwrap();
        let definition = std::fs::read_to_string(folder.join(file)).unwrap();
        case.check(&case.run(&definition).await)
            .map_err(|problem| format!("{file}: {problem}"))
    });
    report(&futures::future::join_all(runs).await);
}
