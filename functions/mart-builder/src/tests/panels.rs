//! The queries of panels, in ticks.

use super::*;
use cardlake_test_support::fake_warehouse::Failure;

const DASHBOARD: [(&str, &str); 3] = [
    (
        "dashboard/page.yml",
        "title: Shop\npanels: [facts, sales]\nvalues: {unit: {sql: \"select unit from {{ ref('fact') }}\", otherwise: pieces}}\n",
    ),
    (
        "dashboard/facts.yml",
        "title: Facts\nsql: select n from {{ ref('fact') }}\nnote: In {{ unit }}\ntable: [{column: n, title: Number}]\n",
    ),
    (
        "dashboard/sales.yml",
        "title: Sales\nsql: select n from {{ ref('sales') }} -- {{ batch_date }}\ntable: [{column: n, title: Number}]\n",
    ),
];

fn with_panels() -> Shop {
    let files = SHOP
        .iter()
        .chain(&DASHBOARD)
        .map(|(path, text)| ProjectFile::new(*path, *text));
    shop_with(&files.collect::<Vec<_>>())
}

fn page(shop: &Shop) -> String {
    let bytes = shop.files.objects.lock().unwrap()["gold/report/index.html"].clone();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn every_panel_is_a_submission_of_its_own() {
    let shop = with_panels();
    let output = shop.run().await.unwrap();
    assert_eq!((output.warnings.len(), output.failed_panels), (0, 0), "{output:?}");
    let names = shop.names();
    assert_eq!(
        names[names.len() - 5..],
        [
            "publish sales",
            "panel facts",
            "panel sales",
            "panel values.unit",
            "mark"
        ]
    );
    let statements = shop.statements();
    assert!(
        statements.contains("select unit from \"analytics\".\"fact\""),
        "{statements}"
    );
    assert!(
        statements.contains("select n from \"analytics\".\"sales\" -- 2026-01-15"),
        "{statements}"
    );
    assert!(page(&shop).contains("<td>42</td>"));
}

#[tokio::test]
async fn a_failing_panel_is_a_warning() {
    let shop = with_panels();
    let failing = Failure::containing(
        "select n from \"analytics\".\"fact\"",
        "ERROR: column \"n\" does not exist",
    )
    .times(1);
    shop.warehouse.state().failures.push(failing);
    let output = shop.run().await.unwrap();
    let expected = ["panel facts (dashboard/facts.yml): ERROR: column \"n\" does not exist"];
    assert_eq!(
        (&output.warnings[..], output.failed_panels),
        (&expected.map(str::to_owned)[..], 1)
    );
    assert_eq!(output.report.as_deref(), Some("report/index.html"));
    assert_eq!(output.marts, BTreeMap::from([("sales".to_owned(), 42)]));
    let page = page(&shop);
    assert!(
        page.contains("This panel failed: ERROR: column") && page.contains("<td>42</td>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_tick_of_panels_that_was_lost_submits_nothing_twice() {
    let undisturbed = with_panels();
    undisturbed.run().await.unwrap();
    let shop = with_panels();
    let mut event = first_event();
    for _ in 0..30 {
        // This tick submits, and is killed before it saves.
        *shop.files.lost_writes.lock().unwrap() = 1;
        handle(event.clone(), &shop.context).await.unwrap_err();
        let output = handle(event, &shop.context).await.unwrap();
        if output.status == TickStatus::Succeeded {
            break;
        }
        event = next(&output);
    }
    assert_eq!(shop.names(), undisturbed.names());
    assert!(page(&shop).contains("<td>42</td>"));
}

#[tokio::test]
async fn panels_of_models_that_are_not_selected_are_left_out() {
    let shop = with_panels();
    let event = MartBuilderEvent {
        select: Some("stg fact".to_owned()),
        ..first_event()
    };
    let output = shop.run_from(event).await.unwrap();
    assert_eq!(
        (output.warnings.len(), output.report.is_some()),
        (0, true),
        "{output:?}"
    );
    let page = page(&shop);
    assert!(
        page.contains("id=\"facts\"") && !page.contains("id=\"sales\""),
        "{page}"
    );
}

#[tokio::test]
async fn panels_are_cancelled_with_their_build() {
    let shop = with_panels();
    shop.warehouse.state().stuck = Some("panel facts");
    let mut event = first_event();
    for _ in 0..10 {
        let output = handle(event, &shop.context).await.unwrap();
        assert_eq!(output.status, TickStatus::Running);
        event = next(&output);
    }
    cancel::stop(&shop.context, &first_event().run_id).await.unwrap();
    let ids = shop.warehouse.state().cancelled.clone();
    let names = shop.names();
    let cancelled: Vec<&str> = ids.iter().map(|id| &*names[id.parse::<usize>().unwrap()]).collect();
    // The first three have ended: the service refuses to cancel them, which is ignored.
    assert_eq!(
        cancelled,
        [
            "inspection",
            "source versions",
            "mark",
            "panel facts",
            "panel sales",
            "panel values.unit"
        ]
    );
    let keys = shop.keys();
    assert!(!keys.contains(&"gold/report/index.html".to_owned()), "{keys:?}");
}
