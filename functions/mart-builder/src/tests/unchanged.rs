//! Builds with nothing new: what has not changed does not run, and nothing is trusted that may not be so any more.

use super::*;

/// A shop, and how many submissions of its warehouse were looked at.
struct Built {
    shop: Shop,
    seen: usize,
}

impl Built {
    /// What was submitted since the last call, besides looking.
    fn work(&mut self) -> Vec<String> {
        let mut names = self.shop.names().split_off(self.seen);
        self.seen += names.len();
        names.retain(|name| !name.ends_with("inspection") && !name.ends_with("source versions"));
        names
    }

    async fn build(&mut self, event: MartBuilderEvent) -> Result<MartBuilderOutput, MartBuilderError> {
        self.shop.run_from(event).await
    }
}

/// The shop after its first build.
async fn built() -> Built {
    let shop = shop();
    {
        let script = &mut shop.warehouse.state().script;
        script.ledger = vec![("t", "1.1")];
        script.existing = vec![("stg", "VIEW"), ("fact", "BASE TABLE"), ("sales", "BASE TABLE")];
    }
    shop.run().await.unwrap();
    let mut built = Built { shop, seen: 0 };
    assert_eq!(built.work().len(), EVERYTHING);
    built
}

fn again(run: &str) -> MartBuilderEvent {
    MartBuilderEvent {
        run_id: run.to_owned(),
        ..first_event()
    }
}

/// Submissions of a build that runs everything.
const EVERYTHING: usize = 6;

#[tokio::test]
async fn a_build_with_nothing_new_submits_no_statement_of_a_model() {
    let mut built = built().await;
    let before = built.shop.files.objects.lock().unwrap()["gold/sales/latest.json"].clone();
    let output = built.build(again("run-2")).await.unwrap();
    assert_eq!(built.work(), [""; 0]);
    assert_eq!(output.marts, BTreeMap::from([("sales".to_owned(), 42)]));
    let counts = (output.tests_passed, output.unchanged_models, output.unchanged_tests);
    assert_eq!(counts, (2, 3, 2));
    let nodes = crate::progress::nodes(&built.shop.context, "run-2").await.unwrap();
    let is_said = |node: &crate::progress::NodeProgress| {
        node.status == "unchanged"
            && node
                .message
                .as_deref()
                .unwrap()
                .starts_with("neither its SQL nor its inputs")
    };
    assert!(nodes.iter().all(is_said), "{nodes:#?}");
    let objects = built.shop.files.objects.lock().unwrap();
    assert_eq!(objects["gold/sales/latest.json"], before);
    let results: serde_json::Value = serde_json::from_slice(&objects["gold/dbt/run_results.json"]).unwrap();
    let statuses: Vec<_> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| &node["status"])
        .collect();
    assert_eq!(statuses, ["no-op", "no-op", "no-op", "pass", "pass"]);
}

#[tokio::test]
async fn another_day_builds_what_depends_on_the_day() {
    let mut built = built().await;
    let other_day = MartBuilderEvent {
        batch_date: "2026-01-16".parse().unwrap(),
        ..again("run-2")
    };
    built.build(other_day).await.unwrap();
    let due = built.work().into_iter();
    let due: Vec<_> = due.map(|name| name.replace("cardlake build 2026-01-16 ", "")).collect();
    assert_eq!(due, ["model.shop.sales", "publish sales", "mark"]);
}

#[tokio::test]
async fn a_load_a_flag_or_a_warehouse_that_is_another_one_build_everything() {
    for full_refresh in [true, false] {
        let mut built = built().await;
        let event = MartBuilderEvent {
            full_refresh,
            force: !full_refresh,
            ..again("run-2")
        };
        built.build(event).await.unwrap();
        assert_eq!(built.work().len(), EVERYTHING);
        built.build(again("run-3")).await.unwrap();
        assert_eq!(built.work().len(), 0);
    }
    let changes: [fn(&mut fakes::Relations); 3] = [
        |script| script.ledger = vec![("t", "2.2")],
        |script| script.ledger.clear(),
        |script| script.mark = Some("of a restored backup".to_owned()),
    ];
    for change in changes {
        let mut built = built().await;
        change(&mut built.shop.warehouse.state().script);
        built.build(again("run-2")).await.unwrap();
        assert_eq!(built.work().len(), EVERYTHING);
    }
}

#[tokio::test]
async fn a_build_that_failed_leaves_nothing_to_rely_on_but_what_it_did_not_touch() {
    let mut built = built().await;
    let refused = Failure::containing("create table \"analytics\".\"sales__tmp\"", "ERROR: out of disk").times(1);
    built.shop.warehouse.state().failures.push(refused);
    let event = MartBuilderEvent {
        vars: serde_json::from_str(r#"{"x": 1}"#).unwrap(),
        force: true,
        select: Some("sales".to_owned()),
        ..again("run-2")
    };
    built.build(event).await.unwrap_err();
    built.work();
    built.build(again("run-3")).await.unwrap();
    assert_eq!(built.work(), ["model.shop.sales", "publish sales", "mark"]);
}

#[tokio::test]
async fn a_bucket_that_was_emptied_is_filled_again() {
    let mut built = built().await;
    built
        .shop
        .files
        .objects
        .lock()
        .unwrap()
        .remove("gold/sales/latest.json");
    built.build(again("run-2")).await.unwrap();
    assert_eq!(built.work(), ["publish sales"]);
    assert!(built.shop.keys().contains(&"gold/sales/latest.json".to_owned()));
}

#[tokio::test]
async fn a_test_that_warned_goes_on_warning() {
    let mut files = SHOP.map(|(path, text)| ProjectFile::new(path, text));
    files[4].text = files[4]
        .text
        .replace("[unique,", "[{unique: {config: {severity: warn}}},");
    let shop = shop_with(&files);
    {
        let script = &mut shop.warehouse.state().script;
        script.ledger = vec![("t", "1.1")];
        script.existing = vec![("stg", "VIEW"), ("fact", "BASE TABLE"), ("sales", "BASE TABLE")];
        script.findings = vec![("n_records", 3)];
    }
    let first = shop.run().await.unwrap();
    let mut built = Built { shop, seen: 0 };
    built.work();
    let second = built.build(again("run-2")).await.unwrap();
    assert_eq!(built.work(), [""; 0]);
    assert_eq!(second.warnings, first.warnings);
    assert_eq!(second.warnings.len(), 1);
}
