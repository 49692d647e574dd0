//! Data flow through states, retries, catchers and limits.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Script, error_of, fail, machine, options, run_with, seconds_passed, succeeded};
use crate::data::payload::MAX_PAYLOAD_BYTES;
use crate::{Outcome, Unobserved, execute};

/// Runs the one state `S`, to which `End` is added.
async fn run_state(script: &Script, mut state: Value, input: Value) -> Outcome {
    if state["Type"] != "Fail" && state["Type"] != "Succeed" {
        state["End"] = json!(true);
    }
    run_with(script, json!({"StartAt": "S", "States": {"S": state}}), input)
        .await
        .outcome
}

fn failed(error: &str, cause: &str, state: &str) -> Outcome {
    Outcome::Failed {
        error: error.to_owned(),
        cause: cause.to_owned(),
        state: state.to_owned(),
    }
}

#[tokio::test]
async fn data_moves_through_all_five_fields() {
    let script = Script::answering(
        "r",
        vec![Ok(json!({"Payload": {"rows": 7, "noise": 1}, "StatusCode": 200}))],
    );
    let state = json!({
        "Type": "Task", "Resource": "r", "InputPath": "$.in", "Parameters": {"day.$": "$.date", "fixed": 1},
        "ResultSelector": {"rows.$": "$.Payload.rows"}, "ResultPath": "$.stages.load", "OutputPath": "$.stages",
    });
    let outcome = run_state(
        &script,
        state,
        json!({"in": {"date": "2026-01-15"}, "stages": {"old": 1}}),
    )
    .await;
    assert_eq!(script.parameters(), [json!({"day": "2026-01-15", "fixed": 1})]);
    assert_eq!(outcome, succeeded(json!({"old": 1, "load": {"rows": 7}})));
}

#[tokio::test]
async fn null_paths_empty_the_input_and_the_output_and_discard_the_result() {
    let script = Script::default();
    let state = json!({"Type": "Task", "Resource": "r", "InputPath": null, "ResultPath": null});
    assert_eq!(
        run_state(&script, state, json!({"a": 1})).await,
        succeeded(json!({"a": 1}))
    );
    assert_eq!(script.parameters(), [json!({})]);
    let state = json!({"Type": "Pass", "OutputPath": null});
    assert_eq!(run_state(&script, state, json!({"a": 1})).await, succeeded(json!({})));
}

#[tokio::test]
async fn pass_gives_its_result_its_parameters_or_its_input() {
    let script = Script::default();
    for (state, expected) in [
        (json!({"Type": "Pass"}), json!({"a": 1})),
        (
            json!({"Type": "Pass", "Result": [2], "ResultPath": "$.b"}),
            json!({"a": 1, "b": [2]}),
        ),
        (json!({"Type": "Pass", "Parameters": {"c.$": "$.a"}}), json!({"c": 1})),
        (
            json!({"Type": "Pass", "InputPath": "$.a", "ResultPath": "$.d"}),
            json!({"a": 1, "d": 1}),
        ),
    ] {
        assert_eq!(run_state(&script, state, json!({"a": 1})).await, succeeded(expected));
    }
}

#[tokio::test]
async fn a_result_that_does_not_fit_is_a_result_path_failure() {
    let state = json!({"Type": "Pass", "ResultPath": "$.a.b"});
    let outcome = run_state(&Script::default(), state, json!({"a": 1})).await;
    assert_eq!(error_of(&outcome), "States.ResultPathMatchFailure");
}

#[tokio::test]
async fn the_context_object_tells_execution_state_and_retries() {
    let script = Script::answering("r", vec![Err(fail("E")), Ok(json!({}))]);
    let state = json!({
        "Type": "Task", "Resource": "r", "Retry": [{"ErrorEquals": ["E"]}],
        "Parameters": {
            "execution.$": "$$.Execution", "state.$": "$$.State.Name", "retries.$": "$$.State.RetryCount",
            "machine.$": "$$.StateMachine.Name"
        },
    });
    run_state(&script, state, json!({"day": 1})).await;
    let parameters = script.parameters();
    assert_eq!(
        parameters[0]["execution"],
        json!({
            "Id": "arn:aws:states:us-east-1:000000000000:execution:daily:run-1", "Input": {"day": 1}, "Name": "run-1",
            "RedriveCount": 0,
            "RoleArn": "arn:aws:iam::000000000000:role/local", "StartTime": "2026-01-15T02:00:00.000Z"
        })
    );
    assert_eq!(
        (&parameters[0]["state"], &parameters[0]["machine"]),
        (&json!("S"), &json!("daily"))
    );
    assert_eq!(
        (&parameters[0]["retries"], &parameters[1]["retries"]),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn waits_take_seconds_or_go_on_until_a_time() {
    let script = Script::default();
    for (state, seconds) in [
        (json!({"Type": "Wait", "Seconds": 90}), 90),
        (json!({"Type": "Wait", "SecondsPath": "$.n"}), 30),
        (json!({"Type": "Wait", "Timestamp": "2026-01-15T02:00:10Z"}), 10),
        (json!({"Type": "Wait", "TimestampPath": "$.t"}), 3600),
        (json!({"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z"}), 0),
    ] {
        let input = json!({"n": 30, "t": "2026-01-15T03:00:00Z"});
        let mut last = state.clone();
        last["End"] = json!(true);
        let result = run_with(&script, json!({"StartAt": "S", "States": {"S": last}}), input.clone()).await;
        assert_eq!(result.outcome, succeeded(input));
        assert_eq!(seconds_passed(&result), seconds, "{state}");
    }
    let wrong = run_state(&script, json!({"Type": "Wait", "SecondsPath": "$.n"}), json!({"n": -1})).await;
    assert_eq!(error_of(&wrong), "States.Runtime");
}

#[tokio::test]
async fn the_time_scale_shortens_waits_but_not_the_clock_of_the_execution() {
    let definition = machine(&json!({"StartAt": "S", "States": {
        "S": {"Type": "Wait", "Seconds": 3600, "Next": "T"},
        "T": {"Type": "Pass", "Parameters": {"at.$": "$$.State.EnteredTime"}, "End": true}
    }}));
    let result = execute(&definition, options(json!({})), &Script::default(), &Unobserved).await;
    let Outcome::Succeeded { output } = result.outcome else {
        panic!("{result:?}")
    };
    assert_eq!(
        output["at"].as_str().unwrap().split_once('.').unwrap().0,
        "2026-01-15T03:00:00"
    );
}

#[tokio::test]
async fn choice_takes_the_first_rule_that_holds() {
    let definition = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Default": "Other", "Choices": [
            {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Big"},
            {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Middle"}
        ]},
        "Big": {"Type": "Pass", "Result": "big", "End": true},
        "Middle": {"Type": "Pass", "Result": "middle", "End": true},
        "Other": {"Type": "Pass", "Result": "other", "End": true}
    }});
    let script = Script::default();
    for (n, expected) in [(20, "big"), (7, "middle"), (1, "other")] {
        let result = run_with(&script, definition.clone(), json!({"n": n})).await;
        assert_eq!(result.outcome, succeeded(json!(expected)));
    }
}

#[tokio::test]
async fn choice_without_a_match_and_default_fails() {
    let definition = json!({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsNull": true, "Next": "D"}]},
        "D": {"Type": "Succeed"}
    }});
    let result = run_with(&Script::default(), definition, json!({"n": 1})).await;
    assert_eq!(
        result.outcome,
        failed(
            "States.NoChoiceMatched",
            "no rule matched, and there is no Default",
            "C"
        )
    );
}

#[tokio::test]
async fn fail_gives_error_and_cause_literally_or_computed() {
    let script = Script::default();
    let state = json!({"Type": "Fail", "Error": "LoadFailed", "Cause": "see the log"});
    assert_eq!(
        run_state(&script, state, json!({})).await,
        failed("LoadFailed", "see the log", "S")
    );
    let state = json!({"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('stage {}', $.stage)"});
    let outcome = run_state(&script, state, json!({"e": "Custom", "stage": "load"})).await;
    assert_eq!(outcome, failed("Custom", "stage load", "S"));
    assert_eq!(
        run_state(&script, json!({"Type": "Fail"}), json!({})).await,
        failed("", "", "S")
    );
}

#[tokio::test]
async fn retries_wait_by_backoff_then_the_catcher_takes_the_raw_input() {
    let script = Script::answering("r", vec![Err(fail("Throttled"))]);
    let definition = json!({"StartAt": "S", "States": {
        "S": {"Type": "Task", "Resource": "r", "InputPath": "$.in", "End": true,
            "Retry": [{"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 3.0}],
            "Catch": [{"ErrorEquals": ["Other"], "Next": "Wrong"},
                      {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Caught"}]},
        "Wrong": {"Type": "Succeed"},
        "Caught": {"Type": "Succeed"}
    }});
    let result = run_with(&script, definition, json!({"in": {"x": 1}, "kept": 2})).await;
    assert_eq!(seconds_passed(&result), 2 + 6 + 18);
    assert_eq!(script.parameters(), vec![json!({"x": 1}); 4]);
    assert_eq!(
        result.outcome,
        succeeded(json!({
            "in": {"x": 1}, "kept": 2, "failure": {"Error": "Throttled", "Cause": "Throttled happened"}
        }))
    );
    assert_eq!(result.transitions, 2 + 3);
}

#[tokio::test]
async fn every_retrier_counts_its_own_attempts() {
    let answers = ["A", "B", "A", "B", "A"].map(|error| Err(fail(error))).to_vec();
    let script = Script::answering("r", answers);
    let state = json!({"Type": "Task", "Resource": "r", "Retry": [
        {"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5}
    ]});
    // A, B, A, B are retried; the third A finds its retrier used up, and the wildcard behind it is not asked.
    assert_eq!(
        run_state(&script, state, json!({})).await,
        failed("A", "A happened", "S")
    );
    assert_eq!(script.parameters().len(), 5);
}

#[tokio::test]
async fn zero_attempts_shield_an_error_from_a_later_wildcard() {
    let script = Script::answering("r", vec![Err(fail("BadInput"))]);
    let state = json!({"Type": "Task", "Resource": "r", "Retry": [
        {"ErrorEquals": ["BadInput"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}
    ]});
    assert_eq!(
        run_state(&script, state, json!({})).await,
        failed("BadInput", "BadInput happened", "S")
    );
    assert_eq!(script.parameters().len(), 1);
}

#[tokio::test]
async fn a_slow_task_times_out_and_only_its_name_or_all_catches_it() {
    let run = async |name: &str| {
        let script = Script {
            duration: Duration::from_secs(3600),
            ..Script::default()
        };
        let definition = json!({"StartAt": "S", "States": {
            "S": {"Type": "Task", "Resource": "r", "TimeoutSecondsPath": "$.limit", "End": true,
                "Catch": [{"ErrorEquals": [name], "Next": "Caught"}]},
            "Caught": {"Type": "Succeed"}
        }});
        run_with(&script, definition, json!({"limit": 1})).await.outcome
    };
    let (by_name, by_all, by_task_failed) =
        tokio::join!(run("States.Timeout"), run("States.ALL"), run("States.TaskFailed"));
    let expected = json!({"Error": "States.Timeout", "Cause": ""});
    assert_eq!((by_name, by_all), (succeeded(expected.clone()), succeeded(expected)));
    assert_eq!(error_of(&by_task_failed), "States.Timeout");
}

#[tokio::test]
async fn the_timeout_of_the_machine_ends_the_execution() {
    let definition = json!({"StartAt": "S", "TimeoutSeconds": 1, "States": {
        "S": {"Type": "Task", "Resource": "r", "End": true}
    }});
    let script = Script {
        duration: Duration::from_secs(3600),
        ..Script::default()
    };
    let result = run_with(&script, definition, json!({})).await;
    assert_eq!(result.outcome, Outcome::TimedOut);
    assert_eq!(result.history.last().unwrap().event_type, "ExecutionTimedOut");
}

#[tokio::test]
async fn payloads_above_the_quota_fail_everywhere() {
    // The quotes count too.
    let fits = Value::String("x".repeat(MAX_PAYLOAD_BYTES - 2));
    let large = Value::String("x".repeat(MAX_PAYLOAD_BYTES - 1));
    let echo = || json!({"Type": "Task", "Resource": "r"});
    assert_eq!(
        run_state(&Script::default(), echo(), fits.clone()).await,
        succeeded(fits)
    );
    let limit = "States.DataLimitExceeded";
    assert_eq!(
        error_of(&run_state(&Script::default(), echo(), large.clone()).await),
        limit,
        "input"
    );
    let script = Script::answering("r", vec![Ok(large.clone())]);
    assert_eq!(error_of(&run_state(&script, echo(), json!({})).await), limit, "result");
    let mut discard = echo();
    discard["ResultPath"] = Value::Null;
    assert_eq!(
        error_of(&run_state(&script, discard, json!({})).await),
        limit,
        "discarded result"
    );
    let half = Value::String("x".repeat(MAX_PAYLOAD_BYTES / 2));
    let double = json!({"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}});
    assert_eq!(
        error_of(&run_state(&Script::default(), double, half).await),
        limit,
        "output"
    );
}

#[tokio::test]
async fn a_result_above_the_quota_can_be_caught() {
    let script = Script::answering("r", vec![Ok(Value::String("x".repeat(MAX_PAYLOAD_BYTES)))]);
    let definition = json!({"StartAt": "S", "States": {
        "S": {"Type": "Task", "Resource": "r", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": true},
        "C": {"Type": "Pass", "OutputPath": "$.Error", "End": true}
    }});
    let result = run_with(&script, definition, json!({})).await;
    assert_eq!(result.outcome, succeeded(json!("States.DataLimitExceeded")));
}

#[tokio::test]
async fn a_fault_of_the_definition_cannot_be_caught() {
    let state = json!({"Type": "Task", "Resource": "r", "InputPath": "$.missing",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}]});
    let outcome = run_state(&Script::default(), state, json!({})).await;
    let cause = "The JSONPath '$.missing' specified for the field 'InputPath' could not be found in the input";
    assert_eq!(outcome, failed("States.Runtime", cause, "S"));
}

#[tokio::test]
async fn parallel_runs_branches_at_once_and_keeps_their_order() {
    let script = Script {
        duration: Duration::from_millis(20),
        ..Script::default()
    };
    let branch = |name: &str| {
        json!({"StartAt": name, "States": {
            name: {"Type": "Task", "Resource": "r", "Next": format!("{name}2")},
            format!("{name}2"): {"Type": "Pass", "Parameters": {"branch": name, "input.$": "$.v"}, "End": true}
        }})
    };
    let state = json!({"Type": "Parallel", "Parameters": {"v.$": "$.a"}, "Branches": [branch("A"), branch("B")],
        "ResultSelector": {"first.$": "$[0].branch", "all.$": "$[*].input"}});
    let outcome = run_state(&script, state, json!({"a": 1})).await;
    assert_eq!(outcome, succeeded(json!({"first": "A", "all": [1, 1]})));
    assert_eq!(script.peak(), 2);
}

#[tokio::test]
async fn a_branch_that_fails_stops_its_siblings_and_can_be_caught_by_either_name() {
    let script = Script {
        duration: Duration::from_secs(3600),
        ..Script::default()
    };
    for name in ["Custom", "States.BranchFailed", "States.TaskFailed"] {
        let result = run_with(&script, json!({"StartAt": "P", "States": {
            "P": {"Type": "Parallel", "End": true, "Catch": [{"ErrorEquals": [name], "Next": "Caught"}], "Branches": [
                {"StartAt": "Slow", "States": {"Slow": {"Type": "Task", "Resource": "r", "End": true}}},
                {"StartAt": "Bad", "States": {"Bad": {"Type": "Fail", "Error": "Custom", "Cause": "why"}}}
            ]},
            "Caught": {"Type": "Succeed"}
        }}), json!({})).await;
        assert_eq!(
            result.outcome,
            succeeded(json!({"Error": "Custom", "Cause": "why"})),
            "{name}"
        );
    }
    assert_eq!(script.parameters(), [] as [Value; 0], "the slow task was abandoned");
}

#[tokio::test]
async fn a_failure_names_the_innermost_state() {
    let state = json!({"Type": "Parallel", "Branches": [{"StartAt": "Bad", "States": {"Bad": {"Type": "Fail", "Error": "E"}}}]});
    assert_eq!(
        run_state(&Script::default(), state, json!({})).await,
        failed("E", "", "S[0]/Bad")
    );
}

#[tokio::test]
async fn an_unsupported_resource_is_refused_before_anything_runs() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "r", "Next": "B"},
        "B": {"Type": "Task", "Resource": "unsupported", "End": true}
    }});
    let script = Script::default();
    let result = run_with(&script, definition, json!({})).await;
    let cause = "state `B`, Resource: `unsupported` is not supported here";
    assert_eq!(result.outcome, failed("States.Runtime", cause, ""));
    assert_eq!(script.parameters(), [] as [Value; 0]);
}

#[tokio::test]
async fn an_execution_can_run_on_a_task_of_its_own() {
    let task = tokio::spawn(async {
        let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "r", "End": true}}});
        run_with(&Script::default(), definition, json!({"a": 1})).await
    });
    assert_eq!(task.await.unwrap().outcome, succeeded(json!({"a": 1})));
}
