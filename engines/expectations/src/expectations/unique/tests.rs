use super::*;
use crate::result::ResultFormat;
use crate::tally::Positions;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// A table of two columns, of which `number` may be null, and reference rows.
#[derive(Debug, Clone)]
struct Model {
    rows: Vec<(String, Option<i64>)>,
    reference: Vec<(String, Option<i64>)>,
    /// Rows of a batch.
    batch: usize,
    /// Bytes for hashes.
    memory: usize,
    /// Whether only even rows are looked at, as a row condition does.
    every_other: bool,
}

fn batch(rows: &[(String, Option<i64>)]) -> RecordBatch {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(text, _)| text)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(rows.iter().map(|(_, number)| *number)));
    RecordBatch::try_from_iter([("text", texts), ("number", numbers)]).unwrap()
}

/// Count, row numbers and values of the rows that are not unique, and the number of passes.
fn found(columns: &[&str], model: &Model) -> (u64, Vec<u64>, Value, u32) {
    let table = Table {
        schema: batch(&[]).schema(),
        rows: model.rows.len() as u64,
        reference_rows: model.reference.len() as u64,
        now: chrono::NaiveDateTime::default(),
        hashing: 1,
    };
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut check = Unique::new(columns, Ignore::AllMissing, 1.0, &table);
    check.memory = model.memory;
    if let Pass::Collect { hashes, .. } = &mut check.pass {
        *hashes = Spill::new(check.rows, model.memory);
    }
    let mut passes = 0;
    loop {
        passes += 1;
        for (number, rows) in model.rows.chunks(model.batch).enumerate() {
            let first_row = (number * model.batch) as u64;
            let kept: Vec<u32> = (0..rows.len() as u32)
                .filter(|row| !model.every_other || (first_row + u64::from(*row)).is_multiple_of(2))
                .collect();
            let kept_rows: Vec<_> = kept.iter().map(|row| rows[*row as usize].clone()).collect();
            let positions = Positions {
                first_row,
                kept: model.every_other.then_some(kept.as_slice()),
            };
            let batch = &batch(&kept_rows);
            check.update(&Rows { batch, positions }).unwrap();
        }
        if check.needs_reference() {
            for rows in model.reference.chunks(model.batch) {
                let positions = Positions {
                    first_row: 0,
                    kept: None,
                };
                let batch = &batch(rows);
                check.update_reference(&Rows { batch, positions }).unwrap();
            }
        }
        if !check.next_pass().unwrap() {
            break;
        }
    }
    let outcome = check.finish(&ResultFormat::Complete.into());
    let count = outcome.result["unexpected_count"].as_u64().unwrap();
    (count, outcome.rows, outcome.result["unexpected_list"].clone(), passes)
}

/// The same by comparing all values.
fn expected<K: std::hash::Hash + Eq>(
    model: &Model,
    key: impl Fn(&(String, Option<i64>)) -> Option<K>,
    value: impl Fn(&(String, Option<i64>)) -> Value,
) -> (u64, Vec<u64>, Value) {
    let considered = || {
        let rows = model.rows.iter().zip(0_u64..);
        rows.filter(|(_, number)| !model.every_other || number % 2 == 0)
    };
    let mut counts: HashMap<K, u64> = HashMap::new();
    for key in considered().filter_map(|(row, _)| key(row)) {
        *counts.entry(key).or_default() += 1;
    }
    for key in model.reference.iter().filter_map(&key) {
        *counts.entry(key).or_default() += 2;
    }
    let repeated: Vec<_> = considered()
        .filter(|(row, _)| key(row).is_some_and(|key| counts[&key] > 1))
        .collect();
    let listed = &repeated[..repeated.len().min(COMPLETE_LIMIT)];
    (
        repeated.len() as u64,
        listed.iter().map(|(_, number)| *number).collect(),
        listed.iter().map(|(row, _)| value(row)).collect(),
    )
}

fn rows(texts: u64, most: usize) -> impl Strategy<Value = Vec<(String, Option<i64>)>> {
    let row = (0..texts, prop::option::of(0..texts as i64));
    // Some texts are what a careless hash might take null for.
    let text = |number: u64| match number {
        0 => "\0null".to_owned(),
        1 => String::new(),
        _ => format!("t{number}"),
    };
    prop::collection::vec(row, 0..most).prop_map(move |rows| {
        let rows = rows.into_iter();
        rows.map(|(number, other)| (text(number), other)).collect()
    })
}

fn model() -> impl Strategy<Value = Model> {
    // From nearly all equal to nearly all distinct.
    prop_oneof![Just(3_u64), Just(50), Just(100_000)].prop_flat_map(|texts| {
        let shape = (1_usize..60, prop_oneof![Just(1_usize), Just(200), Just(1 << 20)]);
        (rows(texts, 300), rows(texts, 60), shape, any::<bool>(), any::<bool>()).prop_map(
            |(mut rows, reference, (batch, memory), every_other, sorted)| {
                if sorted {
                    rows.sort_unstable();
                }
                Model {
                    rows,
                    reference,
                    batch,
                    memory,
                    every_other,
                }
            },
        )
    })
}

proptest! {
    #[test]
    fn rows_that_are_not_unique_are_those_of_a_comparison_of_all_values(model in model()) {
        let (count, rows, values, _) = found(&["text"], &model);
        let of_text = expected(&model, |(text, _)| Some(text.clone()), |(text, _)| json!(text));
        prop_assert_eq!((count, rows, values), of_text);
        let (count, rows, values, _) = found(&["number"], &model);
        let of_number = expected(&model, |(_, number)| *number, |(_, number)| json!(number));
        prop_assert_eq!((count, rows, values), of_number);
        let (count, rows, values, _) = found(&["text", "number"], &model);
        let of_both = expected(
            &model,
            |row| Some(row.clone()),
            |(text, number)| json!({"text": text, "number": number}),
        );
        prop_assert_eq!((count, rows, values), of_both);
    }
}

/// `count` rows, whose texts are those of the numbers that `text` makes of 0, 1, 2, ...
fn numbered(count: u64, text: impl Fn(u64) -> u64) -> Model {
    Model {
        rows: (0..count).map(|row| (format!("{:09}", text(row)), None)).collect(),
        reference: Vec::new(),
        batch: 5000,
        memory: 1 << 16,
        every_other: false,
    }
}

#[test]
fn unique_values_are_read_once_sorted_or_not() {
    assert_eq!(found(&["text"], &numbered(50_000, |row| row)).3, 1);
    let shuffled = numbered(50_000, |row| row * 7919 % 50_000);
    let (count, _, _, passes) = found(&["text"], &shuffled);
    assert_eq!((count, passes), (0, 1));
}

#[test]
fn an_order_that_breaks_late_is_followed_by_a_comparison() {
    let model = numbered(50_000, |row| if row == 49_999 { 17 } else { row });
    let (count, rows, values, passes) = found(&["text"], &model);
    assert_eq!((count, rows), (2, vec![17, 49_999]));
    assert_eq!(values, json!(["000000017", "000000017"]));
    assert_eq!(passes, 3, "order, short hashes, wide hashes");
}

#[test]
fn more_repeated_values_than_are_kept_as_suspects_are_counted_and_the_first_ones_shown() {
    // The last 600,000 rows repeat 300,000 values, so that the filter is in use; the first rows do not.
    let model = numbered(700_000, |row| if row < 100_000 { row } else { 100_000 + row % 300_000 });
    let (count, rows, values, _) = found(&["text"], &model);
    assert_eq!(count, 600_000);
    assert!(rows.iter().copied().eq(100_000..101_000));
    assert_eq!(values[0], json!("000200000"));
}

#[test]
fn one_value_in_every_row_takes_no_memory_for_each() {
    let (count, rows, _, _) = found(&["text"], &numbered(200_000, |_| 1));
    assert_eq!(count, 200_000);
    assert_eq!(rows.len(), COMPLETE_LIMIT);
}
