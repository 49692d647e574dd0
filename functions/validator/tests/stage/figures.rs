//! Days against the days before them, without configuration.

use crate::handler::{audit, row};
use cardlake_core::paths;
use cardlake_test_support::LoopbackLake;
use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

#[tokio::test]
async fn a_day_unlike_the_days_before_is_a_warning_and_the_same_in_every_rerun() {
    let server = LoopbackLake::start().await;
    let storage = server.storage();
    let day: NaiveDate = "2026-01-15".parse().unwrap();
    let files = [vec![row(1), row(2), row(3)], vec![row(4), row(5)]];
    let first = audit(&server, &files, &json!({})).await.unwrap();
    assert!(first.warnings.is_empty(), "{:?}", first.warnings);
    let key = paths::figures("transactions", day, "abc");
    let document = storage.get("silver", &key).await.unwrap().unwrap();
    let figures: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(figures["delivered"], 8);
    assert_eq!(figures["among_delivered"], json!({"duplicates": 2, "quarantined": 1}));
    assert_eq!(figures["columns"]["channel"]["values"], json!({"pos": 5}));
    assert_eq!(figures["columns"]["amount"]["mean"], 12.5);

    let mut usual = figures.clone();
    usual["delivered"] = json!(16);
    usual["among_delivered"] = json!({"duplicates": 4, "quarantined": 2});
    for distance in 1..=10 {
        for other in [day - Days::new(distance), day + Days::new(distance)] {
            let mut told = usual.clone();
            // Later days are of another size; they have no say.
            if other > day {
                told["delivered"] = json!(8);
            }
            let key = paths::figures("transactions", other, "x");
            storage.put_json("silver", &key, &told).await.unwrap();
        }
    }
    storage
        .put(
            "silver",
            &paths::figures("transactions", day - Days::new(11), "x"),
            vec![b'{'],
        )
        .await
        .unwrap();
    let again = audit(&server, &files, &json!({})).await.unwrap();
    assert_eq!(
        again.warnings,
        ["unlike the days before: 8 rows were delivered, usual are 14 to 19 (10 days)"]
    );
    assert_eq!(storage.get("silver", &key).await.unwrap().unwrap(), document);
}

#[tokio::test]
async fn a_stopped_batch_leaves_no_figures() {
    let server = LoopbackLake::start().await;
    audit(&server, &[vec![row(1), row(1)]], &json!({})).await.unwrap_err();
    let listed = server.storage().list("silver", "_figures/").await.unwrap();
    assert!(listed.is_empty());
}
