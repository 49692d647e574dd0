//! Tests of what a definition may hold.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::error::DefinitionError;
use super::machine::StateMachine;

fn load(value: &Value) -> Result<StateMachine, String> {
    StateMachine::from_json(&value.to_string(), &BTreeMap::new()).map_err(|error| error.to_string())
}

/// The message for a machine of the one state `S`, to which `End` is added.
fn fault(mut state: Value) -> String {
    if state["Type"] != "Fail" && state["Type"] != "Succeed" && state["Type"] != "Choice" {
        state["End"] = json!(true);
    }
    load(&json!({"StartAt": "S", "States": {"S": state}})).unwrap_err()
}

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

#[test]
fn placeholders_are_filled_as_terraform_does() {
    let text = r#"{"Comment": "${ name } $${kept} 100% $", "StartAt": "S",
                   "States": {"S": {"Type": "Wait", "Seconds": ${seconds}, "End": true}}}"#;
    let values = BTreeMap::from([
        ("name".to_owned(), "daily".to_owned()),
        ("seconds".to_owned(), "5".to_owned()),
    ]);
    let machine = StateMachine::from_json(text, &values).unwrap();
    assert_eq!(machine.comment.as_deref(), Some("daily ${kept} 100% $"));
    let missing = StateMachine::from_json(text, &BTreeMap::new()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the placeholder `${name}` has no value: pass one in the substitutions"
    );
    let directive = StateMachine::from_json("%{ if x }", &BTreeMap::new()).unwrap_err();
    assert_eq!(directive, DefinitionError::Directive);
}

#[test]
fn unknown_fields_are_refused_with_state_and_field() {
    for (state, field) in [
        (json!({"Type": "Pass", "Assign": {}}), "Assign"),
        (json!({"Type": "Pass", "Retry": []}), "Retry"),
        (json!({"Type": "Task", "Resource": "r", "Arguments": {}}), "Arguments"),
        (
            json!({"Type": "Task", "Resource": "r", "HeartbeatSeconds": 5}),
            "HeartbeatSeconds",
        ),
        (
            json!({"Type": "Task", "Resource": "r", "Credentials": {}}),
            "Credentials",
        ),
        (json!({"Type": "Wait", "Seconds": 1, "ResultPath": "$.a"}), "ResultPath"),
        (json!({"Type": "Fail", "InputPath": "$"}), "InputPath"),
        (json!({"Type": "Succeed", "Next": "S"}), "Next"),
        (json!({"Type": "Map", "ItemProcessor": pass(), "Label": "x"}), "Label"),
        (
            json!({"Type": "Map", "ItemProcessor": pass(), "ToleratedFailureCount": 1}),
            "ToleratedFailureCount",
        ),
        (
            json!({"Type": "Map", "ItemProcessor": pass(), "ResultWriter": {}}),
            "ResultWriter",
        ),
    ] {
        assert_eq!(
            fault(state),
            format!("state `S`, {field}: is not known or not supported here")
        );
    }
    let machine = json!({"StartAt": "P", "States": pass()["States"], "QueryLanguage": "JSONata"});
    assert_eq!(
        load(&machine).unwrap_err(),
        "the state machine, QueryLanguage: must be JSONPath"
    );
    let machine = json!({"StartAt": "P", "States": pass()["States"], "Extra": 1});
    assert_eq!(
        load(&machine).unwrap_err(),
        "the state machine, Extra: is not known or not supported here"
    );
}

#[test]
fn wrong_values_are_refused_with_state_and_field() {
    for (state, expected) in [
        (json!({"Type": "Loop"}), "Type: `Loop` is not a type of state"),
        (json!({}), "Type: is missing"),
        (json!({"Type": "Task"}), "Resource: is missing"),
        (
            json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}),
            "Resource: callbacks with a task token are not supported",
        ),
        (
            json!({"Type": "Task", "Resource": "r", "TimeoutSeconds": 0}),
            "TimeoutSeconds: must be 1 or more",
        ),
        (
            json!({"Type": "Task", "Resource": "r", "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.a"}),
            "TimeoutSecondsPath: excludes `TimeoutSeconds`",
        ),
        (json!({"Type": "Pass", "Next": "S"}), "Next: excludes `End`"),
        (
            json!({"Type": "Pass", "InputPath": "a"}),
            "InputPath: `a` is not a path: it must start with `$`",
        ),
        (
            json!({"Type": "Pass", "Parameters": {"a.$": "States.Nope()"}}),
            "Parameters: `a.$`: the intrinsic function `States.Nope` is not known",
        ),
        (
            json!({"Type": "Wait"}),
            "Seconds: exactly one of Seconds, SecondsPath, Timestamp, TimestampPath must be given",
        ),
        (
            json!({"Type": "Wait", "Timestamp": "2026-01-15"}),
            "Timestamp: must look like 2026-01-15T02:00:00Z",
        ),
        (
            json!({"Type": "Wait", "Seconds": 100_000_000}),
            "Seconds: must be at most 99999999",
        ),
        (
            json!({"Type": "Choice", "Choices": []}),
            "Choices: must hold one rule or more",
        ),
        (
            json!({"Type": "Parallel", "Branches": []}),
            "Branches: must hold one branch or more",
        ),
        (
            json!({"Type": "Fail", "Error": "e", "ErrorPath": "$.e"}),
            "ErrorPath: excludes `Error`",
        ),
    ] {
        assert_eq!(fault(state), format!("state `S`, {expected}"));
    }
    assert!(fault(json!({"Type": "Wait", "Seconds": -1})).starts_with("state `S`, Seconds: invalid value"));
    assert!(fault(json!({"Type": "Pass", "ResultPath": "$.a[*]"})).starts_with("state `S`, ResultPath: `$.a[*]` must"));
}

#[test]
fn faults_of_a_distributed_map_name_the_field() {
    let processor = |config: Value| {
        let mut processor = pass();
        processor["ProcessorConfig"] = config;
        processor
    };
    let distributed = || processor(json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}));
    let reader = |reader: Value| fault(json!({"Type": "Map", "ItemProcessor": distributed(), "ItemReader": reader}));
    assert_eq!(
        reader(json!({"Resource": "arn:aws:states:::s3:getObject", "Parameters": {}})),
        "state `S`, ItemReader, Resource: only `arn:aws:states:::s3:listObjectsV2` is supported"
    );
    assert_eq!(
        reader(json!({
            "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {}, "ReaderConfig": {"InputType": "CSV"}
        })),
        "state `S`, ItemReader, ReaderConfig, InputType: is not known or not supported here"
    );
    assert_eq!(
        fault(json!({"Type": "Map", "ItemProcessor": distributed(), "ItemBatcher": {}})),
        "state `S`, ItemBatcher, MaxItemsPerBatch: is missing, and so is MaxInputBytesPerBatch"
    );
    assert_eq!(
        fault(json!({"Type": "Map", "ItemProcessor": distributed(), "Label": "two words"})),
        "state `S`, Label: must not hold ' '"
    );
    assert_eq!(
        fault(json!({"Type": "Map", "ItemProcessor": distributed(), "ToleratedFailurePercentage": 101})),
        "state `S`, ToleratedFailurePercentage: must be from 0 to 100"
    );
    assert_eq!(
        fault(json!({"Type": "Map", "ItemProcessor": processor(json!({"Mode": "DISTRIBUTED"}))})),
        "state `S`, ItemProcessor, ProcessorConfig: the mode DISTRIBUTED needs an ExecutionType, STANDARD or EXPRESS"
    );
    assert_eq!(
        fault(json!({"Type": "Map", "ItemProcessor": processor(json!({"Mode": "FAST"}))})),
        "state `S`, ItemProcessor, ProcessorConfig: Mode must be INLINE or DISTRIBUTED"
    );
}

#[test]
fn targets_must_exist_beside_the_state() {
    let next = |state: Value| load(&json!({"StartAt": "S", "States": {"S": state}})).unwrap_err();
    assert_eq!(
        next(json!({"Type": "Pass", "Next": "X"})),
        "state `S`, Next: there is no state `X` beside it"
    );
    assert_eq!(
        next(json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "X"}]})),
        "state `S`, Choices: there is no state `X` beside it"
    );
    assert_eq!(
        next(json!({
            "Type": "Choice", "Default": "X", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "S"}]
        })),
        "state `S`, Default: there is no state `X` beside it"
    );
    assert_eq!(
        next(json!({
            "Type": "Task", "Resource": "r", "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "X"}]
        })),
        "state `S`, Catch: there is no state `X` beside it"
    );
    assert_eq!(
        load(&json!({"StartAt": "X", "States": pass()["States"]})).unwrap_err(),
        "the state machine, StartAt: there is no state `X` beside it"
    );
    // A branch cannot leave itself.
    assert_eq!(
        load(&json!({"StartAt": "S", "States": {
            "S": {"Type": "Parallel", "Next": "T", "Branches": [
                {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "T"}}}
            ]},
            "T": {"Type": "Succeed"}
        }}))
        .unwrap_err(),
        "state `B`, Next: there is no state `T` beside it"
    );
}

#[test]
fn every_state_must_be_reachable_and_one_must_end() {
    let states = json!({"S": {"Type": "Pass", "End": true}, "Lost": {"Type": "Pass", "Next": "S"}});
    assert_eq!(
        load(&json!({"StartAt": "S", "States": states})).unwrap_err(),
        "state `Lost`: no other state leads here"
    );
    let states = json!({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}});
    assert_eq!(
        load(&json!({"StartAt": "A", "States": states})).unwrap_err(),
        "the state machine: no state ends: one needs `\"End\": true`, Succeed or Fail"
    );
}

#[test]
fn names_are_unique_in_the_whole_machine() {
    assert_eq!(
        load(&json!({"StartAt": "P", "States": {"P": {"Type": "Map", "ItemProcessor": pass(), "End": true}}}))
            .unwrap_err(),
        "state `P`: the name is used twice in the state machine"
    );
    let twice = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Succeed"}}}"#;
    let error = StateMachine::from_json(twice, &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("the key `A` is given twice in one object"), "{error}");
}

#[test]
fn resources_are_collected_at_every_depth_and_checked() {
    let task = |resource: &str| json!({"Type": "Task", "Resource": resource, "End": true});
    let machine = load(&json!({"StartAt": "M", "States": {
        "M": {"Type": "Map", "Next": "P", "ItemProcessor": {"StartAt": "A", "States": {"A": task("one")}}},
        "P": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "B", "States": {"B": task("two")}}, {"StartAt": "C", "States": {"C": task("one")}}
        ]}
    }}))
    .unwrap();
    let asked = RefCell::new(BTreeSet::new());
    let all = machine.check_resources(|resource| {
        asked.borrow_mut().insert(resource.to_owned());
        true
    });
    assert_eq!(all, Ok(()));
    assert_eq!(asked.into_inner(), ["one", "two"].map(str::to_owned).into());
    let error = machine.check_resources(|resource| resource == "one").unwrap_err();
    assert_eq!(error.to_string(), "state `B`, Resource: `two` is not supported here");
}

#[test]
fn older_spellings_of_a_map_are_read() {
    let machine = load(&json!({"StartAt": "M", "States": {
        "M": {"Type": "Map", "End": true, "Iterator": pass(), "Parameters": {"v.$": "$$.Map.Item.Value"}}
    }}));
    assert!(machine.is_ok(), "{machine:?}");
}
