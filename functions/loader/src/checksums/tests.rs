//! Tests of the checksum comparison.

use super::*;
use arrow::datatypes::DataType;
use cardlake_core::contract::Contracts;
use std::sync::Arc;

fn contract(dataset: &str) -> Arc<Contract> {
    let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
    Arc::clone(contracts.get(dataset).unwrap())
}

fn file(path: &str, day: &str, category: Option<&str>, rows: u64) -> SilverFile {
    let partition = [("txn_date", Some(day)), ("merchant_category", category)];
    SilverFile {
        path: path.to_owned(),
        size: 1,
        rows,
        partition: partition
            .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
            .into(),
    }
}

fn contents(amount: i128, hash: i128) -> FileContents {
    FileContents {
        columns: Vec::new(),
        sums: BTreeMap::from([("amount".to_owned(), amount), ("row_hash".to_owned(), hash)]),
    }
}

fn all() -> [SilverFile; 4] {
    [
        file("a", "2026-01-13", Some("taxi"), 10),
        file("b", "2026-01-13", Some("taxi"), 5),
        file("c", "2026-01-13", None, 7),
        file("d", "2026-01-14", Some("taxi"), 1),
    ]
}

#[test]
fn the_checksum_columns_are_exact_numbers_and_the_row_hash() {
    let names = |dataset: &str| {
        let columns = sum_columns(&contract(dataset));
        columns.into_iter().map(|column| column.name).collect::<Vec<_>>()
    };
    assert_eq!(names("transactions"), ["amount", "row_hash"]);
    assert_eq!(names("merchants"), ["row_hash"]);
}

#[test]
fn a_scope_has_all_files_of_the_partitions_that_new_files_are_in() {
    let contract = contract("transactions");
    let all = all();
    let paths = |scope: &Scope| scope.files.iter().map(|file| file.path.clone()).collect::<String>();
    assert_eq!(paths(&Scope::new(&contract, &all[1..2], &all)), "ab");
    assert_eq!(paths(&Scope::new(&contract, &all[1..3], &all)), "abc");
    // Fewer partition columns rather than too many groups.
    let coarse = Scope::within(1, &contract, &all[1..3], &all);
    assert_eq!(
        (coarse.columns.as_slice(), paths(&coarse).as_str()),
        (&["txn_date".to_owned()][..], "abc")
    );
    let whole = Scope::within(1, &contract, &all[1..], &all);
    assert_eq!((whole.columns.len(), whole.rows()), (0, 23));
}

fn expected() -> Expected {
    let contract = contract("transactions");
    let scope = Scope::new(&contract, &all(), &all());
    let contents = [contents(150, -1), contents(1, 3), contents(-5, 0), contents(100, 9)];
    Expected::new("transactions", scope, &contents, sum_columns(&contract)).unwrap()
}

#[test]
fn a_difference_in_any_partition_fails_the_transaction() {
    let statements = expected().statements(&contract("transactions"));
    let text: Vec<_> = statements
        .iter()
        .map(|(role, sql)| format!("-- {role:?}\n{sql}"))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
    assert_eq!(expected().summary().sums["amount"], "2.46");
}

#[test]
fn a_table_without_partitions_is_one_group() {
    let contract = contract("merchants");
    let one = SilverFile {
        partition: Partition::new(),
        ..file("a", "", None, 3)
    };
    let scope = Scope::new(&contract, std::slice::from_ref(&one), std::slice::from_ref(&one));
    let expected = Expected::new("merchants", scope, &[contents(0, 5)], sum_columns(&contract)).unwrap();
    let statements = expected.statements(&contract);
    let check = &statements[2].1;
    assert!(
        check.contains(
            "select count(*), count(distinct \"merchant_id\"), coalesce(sum(cast(\"row_hash\" as \
             DECIMAL(38,0))), 0) from \"raw\".\"merchants\"\n)"
        ),
        "{check}"
    );
    assert_eq!(
        expected.question(&contract),
        "select count(*) from \"raw\".\"merchants\""
    );
    let answer = ResultSet {
        columns: Vec::new(),
        rows: vec![vec![Value::Integer(2)]],
    };
    assert_eq!(
        expected.differences(&answer, &[one], 4).unwrap(),
        ["the table: 2 rows in the warehouse, 3 in silver at version 4"]
    );
}

#[test]
fn a_checksum_column_that_was_not_added_up_is_a_defect() {
    let contract = contract("merchants");
    let one = file("a", "2026-01-13", None, 3);
    let scope = |one: &SilverFile| Scope::new(&contract, std::slice::from_ref(one), std::slice::from_ref(one));
    let older = FileContents::default();
    let expected = Expected::new("merchants", scope(&one), &[older], sum_columns(&contract)).unwrap();
    assert_eq!(expected.summary().sums["row_hash"], "0");
    let skipped = FileContents {
        columns: vec![("row_hash".to_owned(), DataType::Int64)],
        ..FileContents::default()
    };
    let error = Expected::new("merchants", scope(&one), &[skipped], sum_columns(&contract)).unwrap_err();
    assert!(
        error.to_string().contains("its column row_hash was not added up"),
        "{error}"
    );
}

#[test]
fn an_answer_without_counts_is_no_difference() {
    let answer = ResultSet {
        columns: Vec::new(),
        rows: vec![vec![Value::Text("2026-01-13".to_owned()), Value::Null, Value::Null]],
    };
    assert!(expected().differences(&answer, &all(), 4).is_err());
}

#[test]
fn differing_partitions_are_named() {
    let text = |text: &str| Value::Text(text.to_owned());
    let answer = ResultSet {
        columns: Vec::new(),
        rows: vec![
            vec![text("2026-01-13"), text("taxi"), Value::Integer(14)],
            vec![text("2026-01-13"), Value::Null, Value::Integer(7)],
        ],
    };
    let differences = expected().differences(&answer, &all(), 4).unwrap();
    assert_eq!(
        differences,
        [
            "merchant_category=taxi/txn_date=2026-01-13: 14 rows in the warehouse, 15 in silver at version 4",
            "merchant_category=taxi/txn_date=2026-01-14: 0 rows in the warehouse, 1 in silver at version 4",
        ]
    );
}
