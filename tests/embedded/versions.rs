//! Which version of a transaction the warehouse has after corrections, by the whole run.

use crate::harness::Lake;
use serde_json::Value;
use std::fs;
use std::time::{Duration, SystemTime};

const HEADER: &str =
    "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n";

/// A line of a file: number of the transaction, event day, second and amount.
fn line(number: u32, day: u32, second: u32, amount: u32) -> String {
    format!(
        "0000{number:04x}-0000-4000-8000-000000000000,CUS0001,00000000-0000-4000-8000-000000000001,MER0001,\
         2026-01-{day:02} 10:00:{second:02},{amount}.00,KRW,5411,approved,false,pos\n"
    )
}

/// Puts a bronze object that is so many seconds old.
fn land(lake: &Lake, day: u32, name: &str, age: u64, lines: &[String]) {
    let folder = lake.path(&format!("s3/cardlake-bronze/transactions/ingest_date=2026-01-{day:02}"));
    fs::create_dir_all(&folder).unwrap();
    let path = format!("{folder}/{name}");
    fs::write(&path, format!("{HEADER}{}", lines.concat())).unwrap();
    let file = fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
}

/// A lake with a warehouse, of one other transaction on the 10th.
fn lake() -> Lake {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{HEADER}{}", line(99, 10, 0, 5));
    fs::write(folder.path().join("transactions_2026-01-10.csv"), text).unwrap();
    let lake = Lake::new();
    lake.run_json(&["--input", folder.path().to_str().unwrap()]);
    lake
}

fn run(lake: &Lake, day: u32, options: &[&str]) -> Value {
    let day = format!("2026-01-{day:02}");
    let outcome = lake.cardlake(&[&["backfill", "--json", "--from", &day, "--to", &day], options].concat());
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stderr, outcome.stdout);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["runs"][0]["status"], "succeeded", "{report:#}");
    assert_eq!(
        report["runs"][0]["datasets"]["transactions"]["balanced"], true,
        "{report:#}"
    );
    report
}

#[test]
fn the_file_that_was_delivered_last_wins_whatever_it_is_called() {
    let namings = [
        ("x.csv", "x-fix.csv"),
        ("y_v9.csv", "y_v10.csv"),
        ("z.csv", "z (1).csv"),
        ("b.csv", "a.csv"),
    ];
    let numbers = || (1..).zip(namings);
    // The corrections say an earlier time.
    let first = |number| line(number, 15, 30, 1);
    let correction = |number| line(number, 15, 10, 2);
    for together in [true, false] {
        let lake = lake();
        for (number, (name, _)) in numbers() {
            land(&lake, 15, name, 7200, &[first(number)]);
        }
        if !together {
            run(&lake, 15, &[]);
        }
        for (number, (_, name)) in numbers() {
            land(&lake, 15, name, 3600, &[correction(number)]);
        }
        run(&lake, 15, &[]);
        let found = lake.sql_value(
            "select count(*) || ' ' || min(amount) || ' ' || max(amount) from fact_transactions where amount < 5",
        );
        assert_eq!(found, "4 2.00 2.00", "in one run: {together}");
    }
}

#[test]
fn a_corrected_clock_moves_a_transaction_and_stops_no_day() {
    let lake = lake();
    land(&lake, 15, "a.csv", 7200, &[line(1, 13, 0, 5), line(2, 15, 0, 5)]);
    run(&lake, 15, &[]);
    land(&lake, 17, "a.csv", 3600, &[line(1, 17, 0, 5), line(3, 17, 0, 5)]);
    run(&lake, 17, &[]);
    land(&lake, 18, "a.csv", 60, &[line(4, 18, 0, 5)]);
    run(&lake, 18, &[]);
    let days = lake.sql(
        "select txn_date, count(*) from fact_transactions group by 1 order by 1",
        "csv",
    );
    let days: Vec<&str> = days.lines().skip(1).collect();
    assert_eq!(days, ["2026-01-10,1", "2026-01-15,1", "2026-01-17,2", "2026-01-18,1"]);
    assert_eq!(lake.sql_value("select sum(gross_sales) from mart_sales_daily"), "25.00");
    // Again from silver: the same.
    run(&lake, 18, &["--full-refresh"]);
    assert_eq!(lake.sql_value("select count(*) from fact_transactions"), "5");
}

/// What every layer has of the transactions but the one that is there from the start: rows and amounts.
fn layers(lake: &Lake) -> [String; 3] {
    ["raw.transactions", "fact_transactions"]
        .map(|table| {
            lake.sql_value(&format!(
                "select count(*) || ' rows of ' || coalesce(sum(amount), 0) from {table} where amount <> 5"
            ))
        })
        .into_iter()
        .chain([lake.sql_value("select coalesce(sum(gross_sales), 0) - 5 from mart_sales_daily")])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[test]
fn rows_of_a_raw_file_that_is_taken_back_leave_every_layer_and_what_they_replaced_comes_back() {
    let lake = lake();
    land(&lake, 13, "a.csv", 9000, &[line(1, 13, 0, 10), line(2, 13, 0, 20)]);
    run(&lake, 13, &[]);
    // A correction of the first one, the second one again, and one of its own.
    let wrong = [line(1, 13, 0, 100), line(2, 13, 0, 20), line(3, 15, 0, 300)];
    land(&lake, 15, "wrong.csv", 7200, &wrong);
    land(&lake, 15, "good.csv", 7200, &[line(4, 15, 0, 4000)]);
    run(&lake, 15, &[]);
    assert_eq!(layers(&lake), ["4 rows of 4420.00", "4 rows of 4420.00", "4420.00"]);

    let bronze = |name: &str| {
        lake.path(&format!(
            "s3/cardlake-bronze/transactions/ingest_date=2026-01-15/{name}"
        ))
    };
    fs::remove_file(bronze("wrong.csv")).unwrap();
    let report = run(&lake, 15, &[]);
    assert_eq!(layers(&lake), ["3 rows of 4030.00", "3 rows of 4030.00", "4030.00"]);
    let books = &report["runs"][0]["datasets"]["transactions"];
    assert_eq!(books["bronze_rows"], 1, "{report:#}");
    assert_eq!(
        (&books["withdrawn"], &books["taken_back"]),
        (&1.into(), &1.into()),
        "{report:#}"
    );
    let warnings = report["runs"][0]["warnings"].to_string();
    assert!(warnings.contains("1 row left the table"), "{warnings}");
    assert!(warnings.contains("1 row of another day came back"), "{warnings}");
    let report = run(&lake, 15, &[]);
    assert_eq!(
        report["runs"][0]["datasets"]["transactions"].get("withdrawn"),
        None,
        "{report:#}"
    );

    // Mended in its place, with one row fewer.
    land(&lake, 15, "good.csv", 3600, &[line(4, 15, 0, 4000), line(5, 15, 0, 7)]);
    run(&lake, 15, &[]);
    assert_eq!(layers(&lake)[0], "4 rows of 4037.00");
    land(&lake, 15, "good.csv", 60, &[line(5, 15, 0, 8)]);
    let report = run(&lake, 15, &[]);
    assert_eq!(
        report["runs"][0]["datasets"]["transactions"]["bronze_rows"], 1,
        "{report:#}"
    );
    assert_eq!(layers(&lake), ["3 rows of 38.00", "3 rows of 38.00", "38.00"]);

    // And the last object of a day.
    fs::remove_file(bronze("good.csv")).unwrap();
    run(&lake, 15, &[]);
    assert_eq!(layers(&lake), ["2 rows of 30.00", "2 rows of 30.00", "30.00"]);
    let before = layers(&lake);
    run(&lake, 15, &["--full-refresh"]);
    assert_eq!(layers(&lake), before);
}
