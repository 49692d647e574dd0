//! Serializes rows as lines of a bronze file.
//!
//! Valid transactions take a fast path that only copies bytes. Everything else (corrupt rows, customers, cards, merchants)
//! is a list of named values, written by [`push_record`].

use crate::calendar;
use crate::population::FIRST_NUMBER;
use crate::text::{push_amount, push_csv_field, push_json_string, push_number, time, uuid};
use crate::transaction::Transaction;
use cardlake_core::events::FileFormat;

/// Currency of all amounts.
pub(crate) const CURRENCY: &str = "KRW";
/// The field that is not in the contract (schema drift).
pub(crate) const DRIFT_FIELD: &str = "device_os";

/// Columns of `transactions`, in file order.
pub(crate) const TRANSACTION_COLUMNS: [&str; 11] = [
    "transaction_id",
    "customer_id",
    "card_id",
    "merchant_id",
    "txn_ts",
    "amount",
    "currency",
    "mcc",
    "status",
    "is_refund",
    "channel",
];

/// A value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text, quoted as the format requires.
    Text(String),
    /// A number or boolean, unquoted in JSON.
    Bare(String),
    /// An empty CSV field; a JSON null.
    Null,
    /// An empty CSV field; a missing key in JSON.
    Absent,
}

/// The header line of a CSV file.
pub(crate) fn push_header<'a>(out: &mut Vec<u8>, columns: impl Iterator<Item = &'a str>) {
    for (index, column) in columns.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_csv_field(out, column);
    }
    out.push(b'\n');
}

/// One record as one line.
pub(crate) fn push_record(out: &mut Vec<u8>, format: FileFormat, fields: &[(&str, Value)]) {
    match format {
        FileFormat::Csv => {
            for (index, (_, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if let Value::Text(text) | Value::Bare(text) = value {
                    push_csv_field(out, text);
                }
            }
        }
        FileFormat::Jsonl => {
            let mut separator = b'{';
            for (name, value) in fields {
                if *value == Value::Absent {
                    continue;
                }
                out.push(separator);
                separator = b',';
                push_json_string(out, name);
                out.push(b':');
                match value {
                    Value::Text(text) => push_json_string(out, text),
                    Value::Bare(text) => out.extend_from_slice(text.as_bytes()),
                    Value::Null | Value::Absent => out.extend_from_slice(b"null"),
                }
            }
            if separator == b'{' {
                out.push(b'{');
            }
            out.push(b'}');
        }
    }
    out.push(b'\n');
}

/// Writes valid transactions.
#[derive(Debug)]
pub(crate) struct TransactionWriter {
    format: FileFormat,
    /// First event day with [`DRIFT_FIELD`], in days since 1970-01-01.
    drift_from: Option<i32>,
    /// Whether the CSV file has a column for it.
    drift_column: bool,
    /// Cached text of the last event day; a file has three.
    date: (i32, [u8; 10]),
}

impl TransactionWriter {
    /// Creates a writer for files of a batch day.
    pub(crate) fn new(format: FileFormat, day: i32, drift_from: Option<i32>) -> Self {
        Self {
            format,
            drift_from,
            drift_column: drift_from.is_some_and(|from| day >= from),
            date: (day, calendar::date_text(day)),
        }
    }

    /// Columns of the file, in order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static str> + use<> {
        TRANSACTION_COLUMNS
            .into_iter()
            .chain(self.drift_column.then_some(DRIFT_FIELD))
    }

    /// Value of [`DRIFT_FIELD`]. It depends on the event day, so that a row is the same in every delivery.
    pub(crate) fn drift(&self, row: &Transaction) -> Option<&'static str> {
        self.drift_from
            .filter(|from| row.day >= *from)
            .and_then(|_| row.device())
    }

    /// Appends the row as a line.
    #[inline]
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, row: &Transaction) {
        if self.date.0 != row.day {
            self.date = (row.day, calendar::date_text(row.day));
        }
        match self.format {
            FileFormat::Jsonl => self.push_json(out, row),
            FileFormat::Csv => self.push_csv(out, row),
        }
    }

    fn push_json(&self, out: &mut Vec<u8>, row: &Transaction) {
        out.extend_from_slice(b"{\"transaction_id\":\"");
        out.extend_from_slice(&uuid(row.id));
        out.extend_from_slice(b"\",\"customer_id\":\"CUS");
        push_number(out, u64::from(row.customer + FIRST_NUMBER));
        out.extend_from_slice(b"\",\"card_id\":\"");
        out.extend_from_slice(&uuid(row.card));
        out.extend_from_slice(b"\",\"merchant_id\":\"MER");
        push_number(out, u64::from(row.merchant + FIRST_NUMBER));
        out.extend_from_slice(b"\",\"txn_ts\":\"");
        out.extend_from_slice(&self.date.1);
        out.push(b' ');
        out.extend_from_slice(&time(row.second));
        out.extend_from_slice(b"\",\"amount\":");
        push_amount(out, row.amount);
        out.extend_from_slice(b",\"currency\":\"");
        out.extend_from_slice(CURRENCY.as_bytes());
        out.extend_from_slice(b"\",\"mcc\":\"");
        out.extend_from_slice(row.mcc.as_bytes());
        out.extend_from_slice(b"\",\"status\":\"");
        out.extend_from_slice(status(row).as_bytes());
        out.extend_from_slice(b"\",\"is_refund\":");
        out.extend_from_slice(truth(row.refund).as_bytes());
        out.extend_from_slice(b",\"channel\":\"");
        out.extend_from_slice(row.channel_name().as_bytes());
        out.push(b'"');
        if let Some(device) = self.drift(row) {
            out.extend_from_slice(b",\"device_os\":\"");
            out.extend_from_slice(device.as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b"}\n");
    }

    fn push_csv(&self, out: &mut Vec<u8>, row: &Transaction) {
        out.extend_from_slice(&uuid(row.id));
        out.extend_from_slice(b",CUS");
        push_number(out, u64::from(row.customer + FIRST_NUMBER));
        out.push(b',');
        out.extend_from_slice(&uuid(row.card));
        out.extend_from_slice(b",MER");
        push_number(out, u64::from(row.merchant + FIRST_NUMBER));
        out.push(b',');
        out.extend_from_slice(&self.date.1);
        out.push(b' ');
        out.extend_from_slice(&time(row.second));
        out.push(b',');
        push_amount(out, row.amount);
        for text in [CURRENCY, row.mcc, status(row), truth(row.refund), row.channel_name()] {
            out.push(b',');
            out.extend_from_slice(text.as_bytes());
        }
        if self.drift_column {
            out.push(b',');
            out.extend_from_slice(self.drift(row).unwrap_or_default().as_bytes());
        }
        out.push(b'\n');
    }

    /// The row as named values, to be modified before it is written.
    pub(crate) fn record(&self, row: &Transaction) -> Vec<(&'static str, Value)> {
        let ascii = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut amount = Vec::new();
        push_amount(&mut amount, row.amount);
        let mut timestamp = calendar::date_text(row.day).to_vec();
        timestamp.push(b' ');
        timestamp.extend_from_slice(&time(row.second));
        let values = [
            Value::Text(ascii(&uuid(row.id))),
            Value::Text(customer_id(row.customer)),
            Value::Text(ascii(&uuid(row.card))),
            Value::Text(merchant_id(row.merchant)),
            Value::Text(ascii(&timestamp)),
            Value::Bare(ascii(&amount)),
            Value::Text(CURRENCY.to_owned()),
            Value::Text(row.mcc.to_owned()),
            Value::Text(status(row).to_owned()),
            Value::Bare(truth(row.refund).to_owned()),
            Value::Text(row.channel_name().to_owned()),
        ];
        let drift = self
            .drift(row)
            .map_or(Value::Absent, |device| Value::Text(device.to_owned()));
        let drift = self.drift_column.then_some((DRIFT_FIELD, drift));
        TRANSACTION_COLUMNS.into_iter().zip(values).chain(drift).collect()
    }
}

/// Customer ID of a number.
pub(crate) fn customer_id(number: u32) -> String {
    format!("CUS{}", number + FIRST_NUMBER)
}

/// Merchant ID of a number.
pub(crate) fn merchant_id(number: u32) -> String {
    format!("MER{}", number + FIRST_NUMBER)
}

const fn status(row: &Transaction) -> &'static str {
    if row.approved { "approved" } else { "declined" }
}

const fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(channel: u8) -> Transaction {
        Transaction {
            id: 0x1111_2222_3333_4444_8555_6666_7777_8888,
            customer: 884,
            card: 1,
            merchant: 18,
            day: 20_468,
            second: 14_925,
            amount: 3_468_307,
            mcc: "4121",
            approved: true,
            refund: false,
            channel,
        }
    }

    #[test]
    fn both_paths_write_the_same_line() {
        for format in [FileFormat::Jsonl, FileFormat::Csv] {
            for drift_from in [None, Some(20_000), Some(20_468), Some(30_000)] {
                for channel in 0..3 {
                    let mut writer = TransactionWriter::new(format, 20_469, drift_from);
                    let (mut fast, mut general) = (Vec::new(), Vec::new());
                    writer.push(&mut fast, &row(channel));
                    push_record(&mut general, format, &writer.record(&row(channel)));
                    assert_eq!(String::from_utf8(fast).unwrap(), String::from_utf8(general).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_line_looks_as_the_contract_wants() {
        let mut out = Vec::new();
        TransactionWriter::new(FileFormat::Csv, 20_468, None).push(&mut out, &row(1));
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"11112222-3333-4444-8555-666677778888,CUS1884,00000000-0000-0000-0000-000000000001,MER1018,2026-01-15 04:08:45,34683.07,KRW,4121,approved,false,online");
        let mut out = Vec::new();
        TransactionWriter::new(FileFormat::Jsonl, 20_468, Some(0)).push(&mut out, &row(2));
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"{"transaction_id":"11112222-3333-4444-8555-666677778888","customer_id":"CUS1884","card_id":"00000000-0000-0000-0000-000000000001","merchant_id":"MER1018","txn_ts":"2026-01-15 04:08:45","amount":34683.07,"currency":"KRW","mcc":"4121","status":"approved","is_refund":false,"channel":"mobile","device_os":"android"}"#);
    }

    #[test]
    fn absent_values_have_no_key_and_nulls_have_one() {
        let fields = [("a", Value::Absent), ("b", Value::Null), ("c", Value::Bare("1".into()))];
        let mut out = Vec::new();
        push_record(&mut out, FileFormat::Jsonl, &fields);
        push_record(&mut out, FileFormat::Csv, &fields);
        push_record(&mut out, FileFormat::Jsonl, &fields[..1]);
        assert_eq!(String::from_utf8(out).unwrap(), "{\"b\":null,\"c\":1}\n,,1\n{}\n");
    }
}
