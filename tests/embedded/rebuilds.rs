//! Builds that do only what changed: nothing when nothing is new, and after any change what a full refresh gives.

use super::harness::Lake;
use serde_json::Value;

const DAYS: [&str; 3] = ["2026-01-13", "2026-01-14", "2026-01-15"];
/// Relations, and what orders their rows.
const RELATIONS: [(&str, &str); 6] = [
    ("fact_transactions", "transaction_id"),
    ("int_customer_daily", "customer_id, txn_date, counted_from"),
    ("mart_credit_risk", "customer_id"),
    ("mart_rfm_customer", "customer_id"),
    ("mart_ltv_customer", "customer_id"),
    ("mart_cohort_retention", "cohort_month, months_since_first"),
];

/// Splitmix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn build(lake: &Lake, arguments: &[&str]) -> Value {
    let outcome = lake.cardlake(&[&["build", "--json"], arguments].concat());
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn relations(lake: &Lake) -> Vec<(&'static str, String)> {
    let rows = |(name, order): (&'static str, &str)| {
        (name, lake.sql(&format!("select * from {name} order by {order}"), "csv"))
    };
    RELATIONS.map(rows).to_vec()
}

/// A change that a load can bring: corrections, rows that move to another day or customer, come late or leave.
fn change(random: &mut Random, version: u64) -> String {
    // Each change concerns about one transaction in forty.
    let from = random.below(4000);
    let some = format!(
        "strtol(substring(transaction_id, 1, 3), 16) between {from} and {}",
        from + 100
    );
    let set = match random.below(7) {
        0 => return format!("delete from raw.transactions where {some}"),
        1 => "amount = amount + 1".to_owned(),
        2 => format!("txn_date = dateadd(day, -{}, txn_date)", 1 + random.below(60)),
        3 => format!("customer_id = 'CUS00000{}'", 1 + random.below(9)),
        4 => "status = case when status = 'approved' then 'declined' else 'approved' end".to_owned(),
        5 => "txn_date = dateadd(day, 1, ingest_date)".to_owned(),
        _ => "txn_ts = dateadd(minute, -7, txn_ts), is_refund = not is_refund".to_owned(),
    };
    format!("update raw.transactions set {set}, load_version = {version} where {some}")
}

#[test]
fn whatever_changes_a_build_gives_what_a_full_refresh_gives() {
    let lake = Lake::new();
    lake.run_json(&["--from", DAYS[0], "--to", DAYS[2], "--rows", "600"]);
    let version = lake.sql_value("select max(load_version) from raw.transactions");
    let mut version: u64 = version.trim_matches('"').parse().unwrap();
    for seed in 1..=4 {
        let mut random = Random(seed);
        version += 1;
        let mut changes = Vec::new();
        for _ in 0..=random.below(4) {
            changes.push(change(&mut random, version));
            lake.sql(changes.last().unwrap(), "csv");
        }
        let day = DAYS[usize::try_from(random.below(3)).unwrap()];
        // Changes by hand are in no ledger.
        build(&lake, &["--date", day, "--force"]);
        let incremental = relations(&lake);
        build(&lake, &["--date", day, "--full-refresh"]);
        for (incremental, (name, full)) in incremental.iter().zip(relations(&lake)) {
            assert_eq!(
                incremental.1, full,
                "{name} as of {day}, seed {seed}, after {changes:#?}"
            );
        }
    }
}

#[test]
fn a_day_that_is_run_again_runs_no_model() {
    let lake = Lake::new();
    lake.run_json(&["--date", DAYS[0], "--rows", "600"]);
    let marts = relations(&lake);
    lake.run_json(&["--date", DAYS[0], "--rows", "600"]);
    let statuses = build(&lake, &[]);
    let nodes = statuses["nodes"].as_array().unwrap();
    let ran: Vec<&Value> = nodes.iter().filter(|node| node["status"] != "unchanged").collect();
    assert!(ran.is_empty(), "{ran:#?}");
    assert!(statuses["unchanged_tests"].as_u64().unwrap() > 100, "{statuses:#}");
    assert_eq!(statuses["tests_passed"], statuses["unchanged_tests"]);
    assert_eq!(relations(&lake), marts);
    // Another day is another "today".
    let other = build(&lake, &["--date", DAYS[1]]);
    let status = |name: &str| {
        let nodes = other["nodes"].as_array().unwrap();
        let node = nodes.iter().find(|node| node["name"] == name);
        node.unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("fact_transactions"), "unchanged");
    assert_eq!(status("int_customer_daily"), "unchanged");
    assert_eq!(status("mart_rfm_customer"), "success");
}
