//! Tests of maps.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Script, error_of, fail, machine, options, run_with, succeeded};
use crate::{ExecutionOptions, ExecutionResult, ObjectItem, Outcome, Unobserved, execute};

fn processor() -> Value {
    json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "r", "End": true}}})
}

fn distributed() -> Value {
    let mut processor = processor();
    processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    processor
}

/// Runs the one map `M`; `fields` are added to it.
async fn run_map(script: &Script, processor: Value, fields: Value, input: Value) -> ExecutionResult {
    let mut map = json!({"Type": "Map", "End": true, "ItemProcessor": processor});
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    run_with(script, json!({"StartAt": "M", "States": {"M": map}}), input).await
}

fn objects(count: usize) -> Vec<ObjectItem> {
    (0..count)
        .map(|n| ObjectItem {
            key: format!("in/{n:05}"),
            size: n as u64,
        })
        .collect()
}

fn reader(bucket: &str, prefix: &str) -> Value {
    json!({"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": bucket, "Prefix": prefix}})
}

#[tokio::test]
async fn an_inline_map_keeps_the_order_of_its_items() {
    let script = Script::default();
    let fields = json!({"ItemsPath": "$.list", "ItemSelector": {
        "value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "day.$": "$.day"
    }});
    let result = run_map(&script, processor(), fields, json!({"list": ["a", "b"], "day": 5})).await;
    assert_eq!(
        result.outcome,
        succeeded(json!([{"value": "a", "index": 0, "day": 5}, {"value": "b", "index": 1, "day": 5}]))
    );
}

#[tokio::test]
async fn a_map_without_items_succeeds_with_an_empty_array() {
    for processor in [processor(), distributed()] {
        assert_eq!(
            run_map(&Script::default(), processor, json!({}), json!([]))
                .await
                .outcome,
            succeeded(json!([]))
        );
    }
    let fields = json!({"ItemReader": reader("bucket", "none/")});
    assert_eq!(
        run_map(&Script::default(), distributed(), fields, json!({}))
            .await
            .outcome,
        succeeded(json!([]))
    );
}

#[tokio::test]
async fn items_that_are_no_array_end_the_execution() {
    let result = run_map(&Script::default(), processor(), json!({}), json!({"a": 1})).await;
    assert_eq!(error_of(&result.outcome), "States.Runtime");
}

#[tokio::test]
async fn an_inline_map_fails_with_the_error_of_its_item() {
    let fields = json!({"MaxConcurrency": 1});
    let script = Script::default();
    let input = json!([{"n": 1}, {"fail": "Custom"}, {"n": 3}]);
    let result = run_map(&script, processor(), fields, input).await;
    assert_eq!(
        result.outcome,
        Outcome::Failed {
            error: "Custom".into(),
            cause: "Custom happened".into(),
            state: "M[1]/T".into()
        }
    );
    assert_eq!(script.parameters().len(), 2, "the third item does not start");
}

#[tokio::test]
async fn no_more_items_run_at_once_than_allowed() {
    let items = json!((0..50).collect::<Vec<_>>());
    for (processor, fields, ceiling, expected) in [
        (processor(), json!({}), usize::MAX, 40),
        (processor(), json!({"MaxConcurrency": 3}), usize::MAX, 3),
        (processor(), json!({"MaxConcurrency": 0}), 7, 7),
        (distributed(), json!({}), usize::MAX, 50),
        (distributed(), json!({"MaxConcurrencyPath": "$[4]"}), usize::MAX, 4),
        (distributed(), json!({"MaxConcurrency": 10}), 2, 2),
    ] {
        let script = Script {
            duration: Duration::from_millis(10),
            ..Script::default()
        };
        let mut map = json!({"Type": "Map", "End": true, "ItemProcessor": processor});
        map.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let definition = machine(&json!({"StartAt": "M", "States": {"M": map}}));
        let options = ExecutionOptions {
            max_concurrency: ceiling,
            ..options(items.clone())
        };
        let result = execute(&definition, options, &script, &Unobserved).await;
        assert_eq!(result.outcome, succeeded(items.clone()));
        assert_eq!(script.peak(), expected, "{fields}");
    }
}

#[tokio::test]
async fn a_distributed_map_reads_a_bucket() {
    let script = Script {
        objects: objects(1_050),
        ..Script::default()
    };
    let fields = json!({"ItemReader": reader("bucket", "in/0104"), "ItemSelector": {
        "key.$": "$$.Map.Item.Value.Key", "size.$": "$$.Map.Item.Value.Size", "date.$": "$.date"
    }});
    let result = run_map(&script, distributed(), fields, json!({"date": "d"})).await;
    let expected: Vec<Value> = (1_040..1_050)
        .map(|n| json!({"key": format!("in/{n:05}"), "size": n, "date": "d"}))
        .collect();
    assert_eq!(result.outcome, succeeded(Value::Array(expected)));

    let mut limited = reader("bucket", "in/");
    limited["ReaderConfig"] = json!({"MaxItems": 3});
    let result = run_map(&script, distributed(), json!({"ItemReader": limited}), json!({})).await;
    assert_eq!(
        result.outcome,
        succeeded(json!([
            {"Key": "in/00000", "Size": 0}, {"Key": "in/00001", "Size": 1}, {"Key": "in/00002", "Size": 2}
        ]))
    );
}

#[tokio::test]
async fn a_listing_that_fails_is_an_item_reader_failure_and_can_be_caught() {
    let script = Script::default();
    let fields = json!({"ItemReader": reader("missing", "")});
    let result = run_map(&script, distributed(), fields.clone(), json!({})).await;
    assert_eq!(error_of(&result.outcome), "States.ItemReaderFailed");
    let result = run_with(
        &script,
        json!({"StartAt": "M", "States": {
            "M": {"Type": "Map", "ItemProcessor": distributed(), "ItemReader": fields["ItemReader"], "End": true,
                  "Catch": [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "Caught"}]},
            "Caught": {"Type": "Succeed"}
        }}),
        json!({}),
    )
    .await;
    assert!(matches!(result.outcome, Outcome::Succeeded { .. }), "{result:?}");
}

#[tokio::test]
async fn failures_within_the_tolerance_leave_null() {
    let item = |n: u64| if n < 2 { json!({"fail": "E"}) } else { json!({"n": n}) };
    let input = Value::Array((0..10).map(item).collect());
    for (fields, tolerated) in [
        (json!({}), false),
        (json!({"ToleratedFailureCount": 1}), false),
        (json!({"ToleratedFailureCount": 2}), true),
        (json!({"ToleratedFailurePercentage": 19.9}), false),
        (json!({"ToleratedFailurePercentage": 20}), true),
        (json!({"ToleratedFailureCountPath": "$[2].n"}), true),
        (json!({"ToleratedFailurePercentagePath": "$[3].n"}), false),
        (
            json!({"ToleratedFailureCount": 5, "ToleratedFailurePercentage": 10}),
            false,
        ),
        (
            json!({"ToleratedFailureCount": 0, "ToleratedFailurePercentage": 90}),
            false,
        ),
    ] {
        let result = run_map(&Script::default(), distributed(), fields.clone(), input.clone()).await;
        match result.outcome {
            Outcome::Succeeded { output } => {
                assert!(tolerated, "{fields}");
                assert_eq!(
                    (&output[0], &output[1], &output[2]),
                    (&Value::Null, &Value::Null, &json!({"n": 2}))
                );
            }
            outcome => {
                assert!(!tolerated, "{fields}");
                assert_eq!(error_of(&outcome), "States.ExceedToleratedFailureThreshold");
            }
        }
    }
}

#[tokio::test]
async fn an_exceeded_tolerance_tells_the_first_failure() {
    let input = json!([{"n": 0}, {"fail": "Rejected"}]);
    let result = run_map(&Script::default(), distributed(), json!({"MaxConcurrency": 1}), input).await;
    let cause = "the specified tolerated failure threshold was exceeded: 1 of 2 items failed, the first was item 1 \
                 with Rejected: Rejected happened";
    assert_eq!(
        result.outcome,
        Outcome::Failed {
            error: "States.ExceedToleratedFailureThreshold".into(),
            cause: cause.into(),
            state: "M".into()
        }
    );
}

#[tokio::test]
async fn batches_respect_both_limits_and_keep_every_item() {
    let script = Script::default();
    let fields = json!({
        "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"},
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"day.$": "$[0]"}}
    });
    let result = run_map(&script, distributed(), fields, json!(["a", "b", "c"])).await;
    assert_eq!(
        result.outcome,
        succeeded(json!([
            {"BatchInput": {"day": "a"}, "Items": [{"v": "a", "i": 0}, {"v": "b", "i": 1}]},
            {"BatchInput": {"day": "a"}, "Items": [{"v": "c", "i": 2}]}
        ]))
    );

    let fields = json!({"ItemBatcher": {"MaxInputBytesPerBatch": 40}});
    let items: Vec<String> = (0..9).map(|n| format!("item-{n}")).collect();
    let script = Script::default();
    run_map(&script, distributed(), fields, json!(items)).await;
    let batches = script.parameters();
    assert!(batches.iter().all(|batch| batch.to_string().len() <= 40), "{batches:?}");
    let together: Vec<&Value> = batches
        .iter()
        .flat_map(|batch| batch["Items"].as_array().unwrap())
        .collect();
    assert_eq!(json!(together), json!(items));
    assert!(batches.len() < 9);
}

#[tokio::test]
async fn children_of_a_distributed_map_are_executions_of_their_own() {
    let mut processor = distributed();
    processor["States"]["T"]["Parameters"] = json!({
        "name.$": "$$.Execution.Name", "input.$": "$$.Execution.Input", "index.$": "$$.Map.Item.Index"
    });
    let script = Script::default();
    let result = run_map(&script, processor, json!({"Label": "Objects"}), json!(["x"])).await;
    assert_eq!(
        result.outcome,
        succeeded(json!([{"name": "run-1/Objects:0", "input": "x", "index": 0}]))
    );
    let events: Vec<&str> = result.history.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(
        events,
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[tokio::test]
async fn a_map_as_a_whole_can_be_retried() {
    let script = Script::answering("r", vec![Err(fail("E")), Ok(json!(1))]);
    let fields = json!({"Retry": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"]}]});
    let result = run_map(&script, distributed(), fields, json!([1])).await;
    assert_eq!(result.outcome, succeeded(json!([1])));
}

#[tokio::test]
async fn results_above_the_quota_fail_even_if_they_are_discarded() {
    let script = Script::answering("r", vec![Ok(json!("x".repeat(1_000)))]);
    let input = json!((0..300).collect::<Vec<_>>());
    let result = run_map(&script, distributed(), json!({"ResultPath": null}), input).await;
    assert_eq!(error_of(&result.outcome), "States.DataLimitExceeded");
}
