//! The sample events of `tests/events/`: each is what its function takes, and gets an answer.

use super::*;
use cardlake_states::{TaskInvoker, Unobserved};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/events")
}

fn sample(name: &str) -> Value {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a function answers to an event.
async fn invoke(invoker: &StageInvoker, function: &str, event: Value) -> Value {
    let parameters = json!({ "FunctionName": function, "Payload": event });
    let answer = invoker.invoke("arn:aws:states:::lambda:invoke", parameters).await;
    answer.unwrap_or_else(|failure| panic!("{function}: {failure:?}"))["Payload"].clone()
}

/// Sends the samples of a stage that works in ticks until it is done.
async fn tick(invoker: &StageInvoker, function: &str, mut event: Value) -> Value {
    loop {
        let output = invoke(invoker, function, event.clone()).await;
        if output["status"] == "succeeded" {
            return output;
        }
        event["cursor"] = output["cursor"].clone();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// In the order of a run: each event finds what the ones before it have left.
#[tokio::test(flavor = "multi_thread")]
async fn every_sample_event_is_handled_by_its_function() {
    let lake = tempfile::tempdir().unwrap();
    let environment = Environment::open(lake.path()).await.unwrap();
    let invoker = StageInvoker::new(&environment).await.unwrap();

    let made = invoke(&invoker, "generator", sample("generator.json")).await;
    let notified = invoke(&invoker, "transformer", sample("transformer-s3.json")).await;
    assert_eq!(notified[0]["status"], "transformed", "{notified}");
    let again = invoke(&invoker, "transformer", sample("transformer.json")).await;
    assert_eq!(again["status"], "unchanged", "{again}");
    for key in made["objects"].as_array().unwrap() {
        invoke(&invoker, "transformer", json!({ "key": key })).await;
    }
    let day = invoke(&invoker, "reconciler", sample("reconciler-day.json")).await;
    assert_eq!(day["batch_date"], "2026-01-15");
    let plan = invoke(&invoker, "reconciler", sample("reconciler-plan.json")).await;
    assert_eq!(plan["datasets"].as_array().unwrap().len(), 4, "{plan}");
    let mut published = Vec::new();
    for planned in plan["datasets"].as_array().unwrap() {
        // The samples are about transactions.
        let mut events = ["reconciler-reconcile.json", "validator.json", "reconciler-publish.json"].map(sample);
        for event in &mut events {
            event["dataset"] = planned["dataset"].clone();
        }
        let [reconcile, mut validate, mut publish] = events;
        let candidate = invoke(&invoker, "reconciler", reconcile).await["candidate"].clone();
        // The name of a candidate is a hash over the times of the objects, among others.
        assert!(candidate.is_string());
        validate["candidate"] = candidate.clone();
        publish["candidate"] = candidate;
        let audit = invoke(&invoker, "validator", validate).await;
        assert_eq!(audit["evaluated"], audit["successful"], "{audit}");
        published.push(invoke(&invoker, "reconciler", publish).await);
    }
    // The second deployment finds what the first one has made.
    for missing in [4, 0] {
        let prepared = invoke(&invoker, "loader", sample("loader-bootstrap.json")).await;
        assert_eq!(
            prepared["created_users"].as_array().unwrap().len(),
            missing,
            "{prepared}"
        );
    }
    let mut loaded = tick(&invoker, "loader", sample("loader.json")).await;
    let balance = sample("reconciler-balance.json");
    assert_eq!(
        balance["published"],
        Value::Array(published),
        "as this very day gives it"
    );
    for (given, told) in loaded["datasets"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(balance["loaded"].as_array().unwrap())
    {
        // Tokens, and so the hashes of rows that hold them, depend on the key of the lake.
        given["compared"]["sums"] = told["compared"]["sums"].clone();
        assert_eq!(given, told, "as this very day gives it");
    }
    let books = invoke(&invoker, "reconciler", balance).await;
    assert_eq!(books["datasets"]["transactions"]["balanced"], true, "{books}");
    let built = tick(&invoker, "mart_builder", sample("mart-builder.json")).await;
    assert!(built["marts"]["mart_sales_daily"].as_u64() > Some(0), "{built}");
    for name in ["notifier-succeeded.json", "notifier-failed.json"] {
        let told = invoke(&invoker, "notifier", sample(name)).await;
        assert!(told["run_record"].is_string(), "{told}");
    }
    let merged = invoke(&invoker, "reconciler", sample("reconciler-optimize.json")).await;
    assert!(merged["datasets"]["transactions"]["version"].is_u64(), "{merged}");
    let seen = invoke(&invoker, "reconciler", sample("reconciler-vacuum.json")).await;
    assert_eq!(seen["dry_run"], true, "{seen}");
    environment.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_and_a_backfill_start_their_state_machines() {
    let lake = tempfile::tempdir().unwrap();
    let environment = Environment::open(lake.path()).await.unwrap();
    let invoker = StageInvoker::new(&environment).await.unwrap();
    let machine = state_machine(&environment.assets(), DAILY).unwrap();
    let options = ExecutionOptions {
        time_scale: WAIT_SCALE,
        ..ExecutionOptions::new("cardlake-daily", "scheduled", Utc::now(), sample("schedule.json"))
    };
    match execute(&machine, options, &invoker, &Unobserved).await.outcome {
        Outcome::Succeeded { output } => assert_eq!(output["day"]["batch_date"], "2026-01-15"),
        other => panic!("{other:?}"),
    }
    let progress = Progress::new(false, 2);
    let outcome = backfill::backfill(&environment, sample("backfill.json"), &progress)
        .await
        .unwrap();
    assert_eq!(outcome.failure, None);
    assert_eq!(outcome.days.len(), 2);
    environment.close().await.unwrap();
}

#[test]
fn every_function_has_a_sample() {
    let samples: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for function in StageInvoker::substitutions().into_values() {
        let function = function.replace('_', "-");
        let is_stage = !function.contains(':') && function != crate::environment::BRONZE;
        assert!(
            !is_stage || samples.iter().any(|name| name.starts_with(&function)),
            "{function} has none"
        );
    }
}

/// An operator who deploys with nothing set learns of every variable at once, from every function.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_settings_names_all_that_are_missing() {
    use cardlake_aws::clients::{Aws, Endpoints};
    use cardlake_aws::runtime::Resources;
    use cardlake_core::config::Variables;
    let sdk = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::from_static("us-east-1"))
        .build();
    let aws = Aws::new(sdk, Endpoints::default());
    let lake = [
        "CARDLAKE_BRONZE_BUCKET",
        "CARDLAKE_SILVER_BUCKET",
        "CARDLAKE_GOLD_BUCKET",
    ];
    let threshold = [
        ("CARDLAKE_QUARANTINE_THRESHOLD", "lots"),
        ("CARDLAKE_NOTIFICATION_TOPIC_ARN", "runs"),
    ];
    let variables = Variables::new(
        threshold
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    );
    macro_rules! check {
        ($stage:ident, $expected:expr) => {
            let error = $stage::Context::new(Resources::new(
                variables.clone(),
                aws.clone(),
                cardlake_assets::embedded(),
            ))
            .await
            .err();
            let told = error.map(|error| error.to_string()).unwrap_or_default();
            for variable in $expected {
                assert!(
                    told.contains(variable),
                    "{}: {variable}: {told}",
                    stringify!($stage)
                );
            }
        };
    }
    check!(cardlake_generator, ["CARDLAKE_BRONZE_BUCKET"]);
    check!(
        cardlake_transformer,
        ["CARDLAKE_BRONZE_BUCKET", "CARDLAKE_SILVER_BUCKET"]
    );
    check!(
        cardlake_reconciler,
        [&lake[..], &["CARDLAKE_QUARANTINE_THRESHOLD"]].concat()
    );
    check!(cardlake_validator, ["CARDLAKE_SILVER_BUCKET"]);
    check!(cardlake_loader, [&lake[..], &["CARDLAKE_REDSHIFT_WORKGROUP"]].concat());
    check!(
        cardlake_mart_builder,
        [&lake[..], &["CARDLAKE_REDSHIFT_WORKGROUP"]].concat()
    );
    check!(
        cardlake_notifier,
        ["CARDLAKE_SILVER_BUCKET", "CARDLAKE_NOTIFICATION_TOPIC_ARN"]
    );
}
