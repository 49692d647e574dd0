//! Rows that violate the contract, each in a known way.
//!
//! Corrupt rows cycle through the [`Corruption`]s, so a day with enough of them has every one. Together they violate every
//! rule of the transactions contract; a test compares the list with the contract. Faults that make a file unreadable for
//! other tools (such as invalid UTF-8) are left out.

use crate::random::Key;
use crate::record::{TransactionWriter, Value, push_record};
use crate::transaction::Transaction;
use cardlake_core::events::FileFormat;

/// Days before and after the batch day that the contract accepts.
const LATE_WINDOW_DAYS: i32 = 2;
const FUTURE_TOLERANCE_DAYS: i32 = 1;

// Indices in `TRANSACTION_COLUMNS`.
const TRANSACTION_ID: usize = 0;
const CUSTOMER_ID: usize = 1;
const CARD_ID: usize = 2;
const MERCHANT_ID: usize = 3;
const TXN_TS: usize = 4;
const AMOUNT: usize = 5;
const CURRENCY: usize = 6;
const MCC: usize = 7;
const STATUS: usize = 8;
const IS_REFUND: usize = 9;
const CHANNEL: usize = 10;

/// A fault of a row and the quarantine reasons it must produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corruption {
    /// Expected quarantine reasons. Empty for structural faults, whose reason depends on the format.
    rules: &'static [&'static str],
    change: Change,
}

/// How a valid row is corrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The column has no value.
    Missing(usize),
    /// The column has one of these values.
    Value(usize, &'static [&'static str]),
    /// The UUID of the column is truncated, too long, or contains a non-hexadecimal character.
    MalformedUuid(usize),
    /// The amount is negative.
    Negative,
    /// The event time is before the late window.
    TooLate,
    /// The event time is after the future tolerance.
    InFuture,
    /// The line is truncated.
    Cut,
}

const fn missing(column: usize, rules: &'static [&'static str]) -> Corruption {
    Corruption {
        rules,
        change: Change::Missing(column),
    }
}

const fn value(column: usize, values: &'static [&'static str], rules: &'static [&'static str]) -> Corruption {
    Corruption {
        rules,
        change: Change::Value(column, values),
    }
}

const fn change(change: Change, rules: &'static [&'static str]) -> Corruption {
    Corruption { rules, change }
}

impl Corruption {
    /// All corruptions, in the order in which corrupt rows use them: the most common in practice first.
    #[rustfmt::skip]
    pub(crate) const ALL: [Self; 37] = [
        change(Change::MalformedUuid(TRANSACTION_ID), &["transaction_id: not a UUID"]),
        value(AMOUNT, &["N/A", "12.3.4", "twelve", "--5"], &["amount: not a number"]),
        value(STATUS, &["pending", "aproved", "ok"], &["status: not an allowed value"]),
        value(TXN_TS, &["yesterday", "15.01.2026 12:00", "1768305600"], &["txn_ts: not a timestamp"]),
        missing(TRANSACTION_ID, &["transaction_id: required"]),
        change(Change::TooLate, &["txn_ts: earlier than the late window"]),
        value(CHANNEL, &["fax", "on-line", "atm"], &["channel: not an allowed value"]),
        change(Change::Cut, &[]),
        change(Change::Negative, &["amount: below the minimum"]),
        change(Change::InFuture, &["txn_ts: later than the future tolerance"]),
        value(CUSTOMER_ID, &["CUS12", "C1884", "cus 1884", "1884"], &["customer_id: does not match the pattern"]),
        value(CURRENCY, &["XXX", "KR", "WON"], &["currency: not an allowed value"]),
        missing(MERCHANT_ID, &["merchant_id: required"]),
        value(MCC, &["0000", "541", "54I1"], &["mcc: not an allowed value"]),
        change(Change::MalformedUuid(CARD_ID), &["card_id: not a UUID"]),
        missing(AMOUNT, &["amount: required"]),
        value(IS_REFUND, &["maybe", "2", "ja"], &["is_refund: not a boolean"]),
        value(AMOUNT, &["123456789012345678901.00"], &["amount: too many digits"]),
        missing(TXN_TS, &["txn_ts: required"]),
        value(TXN_TS, &["2026-02-30 12:00:00", "2025-13-01 08:15:00"], &["txn_ts: no such day in the calendar"]),
        value(AMOUNT, &["12.345", "0.001"], &["amount: too many digits after the point"]),
        value(MERCHANT_ID, &["MER12", "M1018", "1018"], &["merchant_id: does not match the pattern"]),
        missing(CUSTOMER_ID, &["customer_id: required"]),
        value(TXN_TS, &["2026-01-15 25:00:00", "2026-01-15 12:60:00"], &["txn_ts: no such time of day"]),
        value(AMOUNT, &["1.5e3", "2E+06"], &["amount: scientific notation"]),
        missing(CARD_ID, &["card_id: required"]),
        missing(STATUS, &["status: required"]),
        value(MCC, &["54110", "grocery"], &["mcc: longer than 4 bytes", "mcc: not an allowed value"]),
        missing(CURRENCY, &["currency: required"]),
        value(CURRENCY, &["KRW KRW", "South Korean won"], &["currency: longer than 3 bytes", "currency: not an allowed value"]),
        missing(MCC, &["mcc: required"]),
        value(CUSTOMER_ID, &["CUS000000000000000000000000000001884"], &["customer_id: longer than 32 bytes"]),
        missing(CHANNEL, &["channel: required"]),
        value(STATUS, &["approved, then declined"], &["status: longer than 16 bytes", "status: not an allowed value"]),
        missing(IS_REFUND, &["is_refund: required"]),
        value(MERCHANT_ID, &["MER000000000000000000000000000001018"], &["merchant_id: longer than 32 bytes"]),
        value(CHANNEL, &["point of sale terminal"], &["channel: longer than 16 bytes", "channel: not an allowed value"]),
    ];

    /// Corruption of the corrupt row with this number.
    pub(crate) const fn of_row(number: u64) -> Self {
        Self::ALL[(number % Self::ALL.len() as u64) as usize]
    }

    /// Expected quarantine reasons.
    pub(crate) const fn reasons(self, format: FileFormat) -> &'static [&'static str] {
        match (self.change, format) {
            (Change::Cut, FileFormat::Jsonl) => &["row: not a JSON object"],
            (Change::Cut, FileFormat::Csv) => &["row: wrong number of fields"],
            _ => self.rules,
        }
    }

    /// Whether the row can still be split into fields.
    pub(crate) const fn is_readable(self) -> bool {
        !matches!(self.change, Change::Cut)
    }
}

/// Writes a valid row with the given corruption. Returns the number of its fields that are not in the contract and still
/// readable.
pub(crate) fn push_corrupt(
    out: &mut Vec<u8>,
    writer: &TransactionWriter,
    format: FileFormat,
    row: &Transaction,
    corruption: Corruption,
) -> u64 {
    let mut stream = Key::new(row.id as u64).stream();
    let mut row = *row;
    // One day beyond the contract's window is the boundary case, so it is the most frequent one.
    let beyond = 1 + (stream.below(2) * stream.below(28)).cast_signed();
    match corruption.change {
        Change::TooLate => row.day -= LATE_WINDOW_DAYS + beyond,
        Change::InFuture => row.day += FUTURE_TOLERANCE_DAYS + beyond,
        _ => {}
    }
    let draw = stream.below(1 << 16) as usize;
    let mut fields = writer.record(&row);
    let change = match corruption.change {
        Change::Missing(column) if draw.is_multiple_of(2) => Some((column, Value::Absent)),
        Change::Missing(column) => Some((column, Value::Null)),
        Change::Value(column, values) => Some((column, Value::Text(values[draw % values.len()].to_owned()))),
        Change::MalformedUuid(column) => Some((column, malformed_uuid(&fields[column].1, draw))),
        Change::Negative => match &fields[AMOUNT].1 {
            Value::Bare(amount) => Some((AMOUNT, Value::Bare(format!("-{amount}")))),
            _ => None,
        },
        Change::TooLate | Change::InFuture | Change::Cut => None,
    };
    if let Some((column, value)) = change {
        fields[column].1 = value;
    }
    let start = out.len();
    push_record(out, format, &fields);
    if !corruption.is_readable() {
        // In CSV at most six fields remain, so required ones are missing.
        out.truncate(start + 40 + draw % 60);
        out.push(b'\n');
        return 0;
    }
    u64::from(writer.drift(&row).is_some())
}

/// A UUID that is truncated, too long, or contains a non-hexadecimal character.
fn malformed_uuid(value: &Value, draw: usize) -> Value {
    let Value::Text(uuid) = value else {
        return Value::Absent;
    };
    Value::Text(match draw % 3 {
        0 => uuid[..uuid.len() - 4].to_owned(),
        1 => format!("{uuid}0"),
        _ => uuid.replacen('-', "-g", 1)[..uuid.len()].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TRANSACTION_COLUMNS;
    use cardlake_core::contract::{Column, ColumnType, Contract, Contracts, TextFormat};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn row() -> Transaction {
        Transaction {
            id: 0x1111_2222_3333_4444_8555_6666_7777_8888,
            customer: 884,
            card: 0x2222_2222_3333_4444_8555_6666_7777_8888,
            merchant: 18,
            day: 20_468,
            second: 14_925,
            amount: 3_468_307,
            mcc: "4121",
            approved: true,
            refund: false,
            channel: 0,
        }
    }

    fn contract() -> Arc<Contract> {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        Arc::clone(contracts.get("transactions").unwrap())
    }

    /// The rules that a value of a column can break.
    fn rules(column: &Column) -> Vec<String> {
        let rules = &column.rules;
        let is_uuid = rules.format == Some(TextFormat::Uuid);
        let is_text = column.column_type == ColumnType::String;
        let too_long = rules.max_length.filter(|_| is_text && !is_uuid);
        let by_type: &[&str] = match column.column_type {
            ColumnType::Decimal { .. } => &[
                "not a number",
                "scientific notation",
                "too many digits after the point",
                "too many digits",
            ],
            ColumnType::Boolean => &["not a boolean"],
            ColumnType::Timestamp => &["not a timestamp", "no such day in the calendar", "no such time of day"],
            ColumnType::String => &[],
            other => panic!("{other:?} is new to transactions: say here what can be wrong with it"),
        };
        let mut found: Vec<String> = by_type.iter().map(|rule| (*rule).to_owned()).collect();
        let mut add = |applies: bool, rule: &str| found.extend(applies.then(|| rule.to_owned()));
        add(column.required, "required");
        add(is_uuid, "not a UUID");
        add(rules.format == Some(TextFormat::Email), "not an e-mail address");
        add(rules.pattern.is_some(), "does not match the pattern");
        add(rules.minimum.is_some(), "below the minimum");
        add(rules.maximum.is_some(), "above the maximum");
        add(!rules.allowed.is_empty(), "not an allowed value");
        found.extend(too_long.map(|bytes| format!("longer than {bytes} bytes")));
        found
    }

    #[test]
    fn every_rule_of_the_contract_is_broken_and_no_other() {
        let contract = contract();
        let mut expected = BTreeSet::new();
        for column in contract.source_columns() {
            expected.extend(rules(column).iter().map(|rule| format!("{}: {rule}", column.name)));
        }
        let event_time = contract.event_time.as_ref().unwrap();
        expected.insert(format!("{}: earlier than the late window", event_time.column));
        expected.insert(format!("{}: later than the future tolerance", event_time.column));
        for (format, row) in [
            (FileFormat::Jsonl, "row: not a JSON object"),
            (FileFormat::Csv, "row: wrong number of fields"),
        ] {
            let broken: BTreeSet<_> = (0..37)
                .flat_map(|number| Corruption::of_row(number).reasons(format))
                .map(|reason| (*reason).to_owned())
                .collect();
            let mut expected = expected.clone();
            expected.insert(row.to_owned());
            assert_eq!(broken, expected);
        }
    }

    #[test]
    fn columns_and_windows_are_those_of_the_contract() {
        let contract = contract();
        let columns: Vec<_> = contract.source_columns().map(|column| column.name.as_str()).collect();
        assert_eq!(columns, TRANSACTION_COLUMNS);
        let event_time = contract.event_time.as_ref().unwrap();
        assert_eq!(
            (event_time.late_window_days, event_time.future_tolerance_days),
            (LATE_WINDOW_DAYS.unsigned_abs(), FUTURE_TOLERANCE_DAYS.unsigned_abs())
        );
    }

    #[test]
    fn every_corruption_changes_the_row_and_keeps_it_on_one_line() {
        for format in [FileFormat::Jsonl, FileFormat::Csv] {
            let mut writer = TransactionWriter::new(format, 20_468, None);
            for corruption in Corruption::ALL {
                let (mut valid, mut broken) = (Vec::new(), Vec::new());
                writer.push(&mut valid, &row());
                push_corrupt(&mut broken, &writer, format, &row(), corruption);
                assert_ne!(valid, broken, "{corruption:?}");
                assert_eq!(
                    broken.iter().filter(|byte| **byte == b'\n').count(),
                    1,
                    "{corruption:?}"
                );
                if format == FileFormat::Jsonl {
                    let is_object = serde_json::from_slice::<serde_json::Value>(&broken).is_ok();
                    assert_eq!(is_object, corruption.is_readable(), "{corruption:?}");
                }
            }
        }
    }
}
