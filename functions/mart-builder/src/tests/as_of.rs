//! The day of a build: the newest that was run, unless an older one is asked for.

use super::*;
use chrono::NaiveDate;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The days of the snapshots in gold, and the day that every pointer names.
fn published(shop: &Shop) -> (Vec<String>, Vec<String>) {
    let objects = shop.files.objects.lock().unwrap();
    let latest = objects.iter().filter(|(key, _)| key.ends_with("/latest.json"));
    let pointers = latest.map(|(_, bytes)| {
        let pointer: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        pointer["batch_date"].as_str().unwrap().to_owned()
    });
    let statements = shop.statements();
    let unloads = statements.split("batch_date=").skip(1);
    let mut days: Vec<String> = unloads.map(|rest| rest[..10].to_owned()).collect();
    days.dedup();
    (days, pointers.collect())
}

#[tokio::test]
async fn a_build_for_an_older_day_is_as_of_the_newest_and_says_so() {
    let shop = shop();
    *shop.files.newest_day.lock().unwrap() = Some(day("2026-01-17"));
    let output = shop.run().await.unwrap();
    let (days, pointers) = published(&shop);
    assert_eq!(days, ["2026-01-17"]);
    assert!(pointers.iter().all(|day| day == "2026-01-17"), "{pointers:?}");
    assert_eq!(
        output.warnings[0],
        "the marts are as of 2026-01-17, the newest day that was run, not of 2026-01-15: `cardlake build --date 2026-01-15 \
         --as-of` builds what was known then"
    );
}

#[tokio::test]
async fn a_newer_day_and_one_that_is_asked_for_are_built_as_of_themselves() {
    for (newest, as_of) in [(None, false), (Some("2026-01-14"), false), (Some("2026-01-17"), true)] {
        let shop = shop();
        *shop.files.newest_day.lock().unwrap() = newest.map(day);
        let event = MartBuilderEvent { as_of, ..first_event() };
        let output = shop.run_from(event).await.unwrap();
        assert_eq!(published(&shop).0, ["2026-01-15"], "{newest:?}");
        assert!(
            !output.warnings.iter().any(|warning| warning.contains("as of")),
            "{newest:?}"
        );
    }
}

#[tokio::test]
async fn a_build_under_way_keeps_its_day() {
    let shop = shop();
    let output = handle(first_event(), &shop.context).await.unwrap();
    assert_eq!(output.status, TickStatus::Running);
    *shop.files.newest_day.lock().unwrap() = Some(day("2026-01-17"));
    shop.run_from(next(&output)).await.unwrap();
    assert_eq!(published(&shop).0, ["2026-01-15"]);
}
