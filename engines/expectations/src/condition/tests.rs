use super::*;
use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use serde_json::json;
use std::sync::Arc;

fn batch() -> RecordBatch {
    let texts = |values: [Option<&str>; 4]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let integers = |values: [Option<i64>; 4]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let hours = |hours: i64| 1_767_225_600_000_000 + hours * 3_600_000_000;
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from([0, 36, 48, 72].map(hours).to_vec()));
    let decimals = Decimal128Array::from(vec![Some(110), Some(200), None, Some(350)]);
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(1.5),
        None,
        Some(f64::INFINITY),
        Some(0.1),
    ]));
    RecordBatch::try_from_iter_with_nullable([
        ("country", texts([Some("SE"), Some("NO"), None, Some("SE")]), true),
        ("amount", integers([Some(5), Some(50), Some(500), None]), true),
        ("a", integers([Some(5), Some(50), Some(500), Some(7)]), true),
        ("c", integers([Some(5), Some(1), Some(600), Some(7)]), true),
        ("f", floats, true),
        ("s", texts([Some("x\ny"), Some("NO"), None, Some("q\"t")]), true),
        ("b", Arc::new(BooleanArray::from(vec![true, false, true, false])), true),
        (
            "ob",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])),
            true,
        ),
        (
            "d",
            Arc::new(Date32Array::from(vec![20_454, 20_455, 20_456, 20_457])),
            true,
        ),
        ("t", times, true),
        ("dec", Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()), true),
    ])
    .unwrap()
}

fn kept(condition: &Value) -> Result<Vec<usize>, BuildError> {
    let batch = batch();
    let table = Table {
        schema: batch.schema(),
        rows: 4,
        reference_rows: 0,
        now: chrono::NaiveDateTime::default(),
        hashing: 1,
    };
    let condition = Condition::new(condition, &table)?;
    Ok(condition.evaluate(&batch).unwrap().values().set_indices().collect())
}

#[test]
fn texts_and_objects_select_the_rows_that_pandas_selects() {
    for (condition, expected) in [
        (json!("country == \"SE\""), vec![0, 3]),
        (json!("country=='SE' and amount<10"), vec![0]),
        (json!("(country == \"NO\") | (amount >= 500)"), vec![1, 2]),
        (json!("country != \"SE\""), vec![1, 2]),
        (json!("country.isnull() or amount.isnull()"), vec![2, 3]),
        (json!("amount in [5, 50]"), vec![0, 1]),
        (json!("amount not in [5, 50]"), vec![2, 3]),
        (json!("col(\"amount\") > 7.5"), vec![1, 2]),
        (
            json!({"type": "pass_through", "pass_through_filter": "country==\"SE\""}),
            vec![0, 3],
        ),
        (
            json!({"type": "nullity", "column": {"name": "amount"}, "is_null": false}),
            vec![0, 1, 2],
        ),
        (
            json!({"type": "and", "conditions": [
                {"type": "comparison", "column": {"name": "country"}, "operator": "IN", "parameter": ["SE", "NO"]},
                {"type": "comparison", "column": {"name": "amount"}, "operator": ">", "parameter": 5},
            ]}),
            vec![1],
        ),
    ] {
        assert_eq!(kept(&condition).unwrap(), expected, "{condition}");
    }
}

/// The rows are those that `DataFrame.query` of pandas 3.1 returned.
#[test]
fn expressions_select_the_rows_that_pandas_selects() {
    for (condition, expected) in [
        (r#"s == "x\ny""#, &[0][..]),
        (r#"s == "q\"t""#, &[3]),
        ("s == 'q\"t'", &[3]),
        ("not a > 10", &[0, 3]),
        ("~(a > 10)", &[0, 3]),
        ("not (a > 10)", &[0, 3]),
        ("a == c", &[0, 3]),
        ("a > c", &[1]),
        ("a != c", &[1, 2]),
        ("a + c > 100", &[2]),
        ("a * 2 == 10", &[0]),
        ("a / 2 > 10", &[1, 2]),
        ("a // 2 == 2", &[0]),
        ("a % 2 == 1", &[0, 3]),
        ("a ** 2 > 100", &[1, 2]),
        ("-a < -40", &[1, 2]),
        ("a > --5", &[1, 2, 3]),
        ("1 ** f == 1", &[0, 1, 2, 3]),
        ("f // 1 >= 0", &[0, 3]),
        ("f % -2 == -0.5", &[0]),
        ("1 < a < 60", &[0, 1, 3]),
        ("10 > a", &[0, 3]),
        ("5 == a", &[0]),
        ("s.str.contains(\"O\")", &[1]),
        ("s.str.contains(\"o\", case=False)", &[1]),
        ("s.str.contains(\"NO|x\")", &[0, 1]),
        ("s.str.contains(\"O\", na=False)", &[1]),
        ("s.str.startswith(\"x\")", &[0]),
        ("s.str.endswith(\"t\")", &[3]),
        ("s.str.len() > 2", &[0, 3]),
        ("s.str.lower() == \"no\"", &[1]),
        ("s.str.upper().str.len() == 2", &[1]),
        ("s.str.match(\"x\")", &[0]),
        ("s.str.fullmatch(\"NO\")", &[1]),
        ("s.str.strip() == \"NO\"", &[1]),
        ("b", &[0, 2]),
        ("not b", &[1, 3]),
        ("b == True", &[0, 2]),
        ("b == False", &[1, 3]),
        ("b and a > 5", &[2]),
        ("a > 5 and not b", &[1, 3]),
        ("b > 0", &[0, 2]),
        ("b + 1 == 2", &[0, 2]),
        ("ob == True", &[0, 3]),
        ("ob == 1", &[0, 3]),
        ("a == None", &[]),
        ("s == None", &[]),
        ("s != None", &[0, 1, 2, 3]),
        ("a == \"x\"", &[]),
        ("a != \"x\"", &[0, 1, 2, 3]),
        ("a in [\"x\",5]", &[0]),
        ("a in (5,7)", &[0, 3]),
        ("a == [5,7]", &[0, 3]),
        ("a != [5,7]", &[1, 2]),
        ("s == 5", &[]),
        ("s != 5", &[0, 1, 2, 3]),
        ("t == \"2026-01-01\"", &[0]),
        ("t > \"2026-01-02\"", &[1, 2, 3]),
        ("\"2026-01-02\" < t", &[1, 2, 3]),
        ("t.dt.day > 2", &[2, 3]),
        ("t > d", &[1]),
        ("f > 1", &[0, 2]),
        ("f != 1.5", &[1, 2, 3]),
        ("f == f", &[0, 2, 3]),
        ("f > a", &[2]),
        ("f + 1 > 2", &[0, 2]),
        ("s.isnull() == False", &[0, 1, 3]),
        ("a.isin([5,7])", &[0, 3]),
        ("~s.isin([\"NO\"])", &[0, 2, 3]),
        ("a.between(5,50)", &[0, 1, 3]),
        ("abs(a) > 6", &[1, 2, 3]),
        ("sqrt(a) > 3", &[1, 2]),
        ("a == 5 or s == \"NO\" and b", &[0]),
        ("a == 5 | s == \"NO\" & b", &[0]),
        ("dec > 1.5", &[1, 3]),
        ("dec == 2", &[1]),
        ("`a` > 5", &[1, 2, 3]),
        ("a > 1_0", &[1, 2]),
        ("a > 1e2", &[2]),
        ("a > 5 == True", &[]),
        ("not a == 5 and b", &[2]),
    ] {
        assert_eq!(kept(&json!(condition)).unwrap(), expected, "{condition}");
    }
}

fn problem(condition: &str) -> String {
    match kept(&json!(condition)).unwrap_err() {
        BuildError::Problem(problem) => problem,
        BuildError::MissingColumn(column) => panic!("{column}"),
    }
}

#[test]
fn what_is_not_understood_is_shown() {
    assert!(problem("amount ~ 5").contains("'amount ~ 5' is not understood at '~ 5'"));
    assert!(problem("amount >").contains("is not understood at its end"));
    assert_eq!(
        problem("amount < \"x\""),
        "\"x\" cannot be compared with column amount of whole numbers"
    );
    assert_eq!(
        kept(&json!("nope == 1")).unwrap_err(),
        BuildError::MissingColumn("nope".to_owned())
    );
}

#[test]
fn what_pandas_refuses_is_refused() {
    for condition in [
        "a < s",
        "a + s > 1",
        "True",
        "a",
        "a + 1",
        "1 == 1",
        "a = 5",
        "a <> 5",
        "s is None",
        "s.str.title() == 'A'",
        "t > 5",
        "s.str.contains(\"(\")",
        "not a",
        "",
    ] {
        assert!(kept(&json!(condition)).is_err(), "{condition}");
    }
    let nested = "(".repeat(100_000);
    assert!(kept(&json!(nested)).is_err());
}
