//! Control totals: what the sender counted, in a file beside the object or in its last line, against what was read.
//!
//! `<object>.control.json` holds `{"rows": 300, "sum": "12345.67"}`; either may be left out, and other fields are the sender's
//! own. The sum is that of the column that the contract names, over all rows of the object: quarantined ones and duplicates
//! included. An object that does not agree is rejected as a whole.

use crate::column_sum::{ColumnSum, SUM_DIGITS};
use crate::context::Context;
use crate::error::TransformerError;
use crate::pipeline::Summary;
use crate::values;
use arrow::datatypes::{Decimal128Type, DecimalType};
use cardlake_core::bronze::CONTROL_SUFFIX;
use cardlake_core::contract::{ColumnType, Contract, Trailer};
use cardlake_core::paths::BronzeKey;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Maximum size of a file of control totals, in bytes.
const MAXIMUM_BYTES: u64 = 64 << 10;

/// The control totals of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    /// Identifies the contents of the file: other totals are other rules. `None` without a file.
    pub(crate) fingerprint: Option<String>,
    /// The totals; the error is the reason to reject the object whatever it holds.
    pub(crate) totals: Result<Totals, String>,
}

/// What the sender counted; `None`: did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    rows: Option<u64>,
    sum: Option<Sum>,
}

/// A sum with the column that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    column: String,
    /// In units of the last digit.
    units: i128,
    scale: i8,
}

/// A file of control totals.
#[derive(Deserialize)]
struct ControlFile<'f> {
    rows: Option<u64>,
    #[serde(borrow)]
    sum: Option<&'f RawValue>,
}

impl Control {
    /// Reads the control totals of an object, if its contract has any.
    ///
    /// # Errors
    /// The bucket cannot be read. A malformed file is a reason to reject the object.
    pub(crate) async fn read(
        key: &BronzeKey,
        contract: &Contract,
        context: &Context,
    ) -> Result<Self, TransformerError> {
        let Some(rules) = &contract.control_totals else {
            return Ok(Self {
                fingerprint: None,
                totals: Ok(Totals::default()),
            });
        };
        let (bucket, path) = (&context.bronze_bucket, format!("{}{CONTROL_SUFFIX}", key.key()));
        let size = context.storage.head(bucket, &path).await?.map(|meta| meta.size);
        let text = match size {
            Some(size) if size <= MAXIMUM_BYTES => context.storage.get(bucket, &path).await?,
            Some(_) => {
                return Ok(Self {
                    fingerprint: Some("too large".to_owned()),
                    totals: Err(format!("the control file {path} is larger than 64 KiB")),
                });
            }
            None => None,
        };
        let Some(text) = text else {
            let missing = || format!("there is no control file {path}: deliver it, and run the day again");
            return Ok(Self {
                fingerprint: None,
                totals: if rules.required {
                    Err(missing())
                } else {
                    Ok(Totals::default())
                },
            });
        };
        Ok(Self {
            fingerprint: Some(String::from_utf8_lossy(&text).into_owned()),
            totals: totals(&text, contract).map_err(|problem| format!("the control file {path} {problem}")),
        })
    }
}

/// Parses a file; the error completes "the control file …".
fn totals(text: &[u8], contract: &Contract) -> Result<Totals, String> {
    // The parser's message may quote what the file holds.
    let file: ControlFile<'_> =
        serde_json::from_slice(text).map_err(|_| "is not {\"rows\": number, \"sum\": number}".to_owned())?;
    let column = contract.control_totals.as_ref().and_then(|rules| rules.sum.as_deref());
    let sum = match (file.sum, column) {
        (None, _) => None,
        (Some(_), None) => {
            return Err("has a sum, and the contract names no column for it (controlTotals.sum)".to_owned());
        }
        (Some(digits), Some(column)) => Some(Sum::parse(digits.get().trim_matches('"'), column, contract)?),
    };
    if file.rows.is_none() && sum.is_none() {
        return Err("has neither rows nor sum".to_owned());
    }
    Ok(Totals { rows: file.rows, sum })
}

/// Parses a trailer; the error completes "its trailer …".
fn trailer_totals(fields: &[String], trailer: &Trailer, contract: &Contract) -> Result<Totals, String> {
    let field = |number: Option<usize>| {
        let text = |number: usize| fields.get(number - 1).map(String::as_str).unwrap_or_default();
        number.map(|number| (number, text(number)))
    };
    let rows = field(trailer.rows).map(|(number, text)| {
        let rows = text.parse::<u64>();
        rows.map_err(|_| format!("has no number of rows in field {number}"))
    });
    let column = contract.control_totals.as_ref().and_then(|rules| rules.sum.as_deref());
    let sum = field(trailer.sum).zip(column).map(|((number, text), column)| {
        Sum::parse(text, column, contract).map_err(|problem| format!("{problem} in field {number}"))
    });
    Ok(Totals {
        rows: rows.transpose()?,
        sum: sum.transpose()?,
    })
}

/// How the object differs from the totals in its last line: the reason to reject it.
pub(crate) fn trailer_difference(contract: &Contract, summary: &Summary) -> Option<String> {
    let trailer = contract.trailer()?;
    let Some(fields) = &summary.trailer else {
        return Some(format!(
            "it has no trailer: the last line of a CSV file that begins with '{}' (controlTotals.trailer of the contract); \
             the file is incomplete, or of another format",
            trailer.marker
        ));
    };
    match trailer_totals(fields, trailer, contract) {
        Ok(totals) => totals.difference(summary, "trailer"),
        Err(problem) => Some(format!("its trailer {problem}")),
    }
}

/// Digits after the point of a column; whole numbers have none.
pub(crate) fn scale(contract: &Contract, column: &str) -> i8 {
    match contract.column(column).map(|column| column.column_type) {
        Some(ColumnType::Decimal { scale, .. }) => scale,
        _ => 0,
    }
}

impl Sum {
    /// Parses a sum of a column; the error is a predicate.
    fn parse(digits: &str, column: &str, contract: &Contract) -> Result<Self, String> {
        let scale = scale(contract, column);
        let units = values::decimal(digits, SUM_DIGITS, scale.unsigned_abs())
            .map_err(|_| format!("has a sum that is not a number of {scale} digits after the point"))?;
        Ok(Self {
            column: column.to_owned(),
            units,
            scale,
        })
    }
}

impl Totals {
    /// The column to add up.
    pub(crate) fn summed(&self) -> Option<&str> {
        self.sum.as_ref().map(|sum| sum.column.as_str())
    }

    /// How the object differs from the totals of a `source`: the reason to reject it.
    pub(crate) fn difference(&self, summary: &Summary, source: &str) -> Option<String> {
        let mut differences = Vec::new();
        let found = summary.counts.bronze_rows;
        if let Some(rows) = self.rows
            && rows != found
        {
            differences.push(format!("{found} rows instead of {rows}"));
        }
        if let Some(Sum { column, units, scale }) = &self.sum {
            let ColumnSum {
                units: found,
                unreadable,
            } = summary.sum;
            if found != *units || unreadable > 0 {
                let text = |units| Decimal128Type::format_decimal(units, SUM_DIGITS, *scale);
                let unread = match unreadable {
                    0 => String::new(),
                    rows => format!(", without {rows} rows whose {column} is no number"),
                };
                differences.push(format!(
                    "a sum of {column} of {} instead of {}{unread}",
                    text(found),
                    text(*units)
                ));
            }
        }
        if differences.is_empty() {
            return None;
        }
        Some(format!("it differs from its {source}: {}", differences.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::contract::ControlTotals;
    use cardlake_core::records::RowCounts;

    fn contract(sum: Option<&str>) -> Contract {
        let contracts = cardlake_core::contract::Contracts::load(&cardlake_assets::embedded()).unwrap();
        Contract {
            control_totals: Some(ControlTotals {
                sum: sum.map(str::to_owned),
                required: false,
                trailer: None,
            }),
            ..(**contracts.get("transactions").unwrap()).clone()
        }
    }

    #[test]
    fn a_file_holds_rows_or_a_sum() {
        let summing = contract(Some("amount"));
        let parse = |text: &str| totals(text.as_bytes(), &summing);
        for text in [
            r#"{"rows": 3, "sum": "12.30"}"#,
            r#"{"rows": 3, "sum": 12.3, "sender": "x"}"#,
        ] {
            let found = parse(text).unwrap();
            assert_eq!((found.rows, found.sum.unwrap().units), (Some(3), 1230), "{text}");
        }
        for text in [
            "",
            "{}",
            "[]",
            r#"{"rows": -1}"#,
            r#"{"sum": "x"}"#,
            r#"{"sum": 1.234}"#,
            r#"{"sum": 1e3}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(totals(br#"{"sum": 1}"#, &contract(None)).is_err());
    }

    #[test]
    fn a_trailer_has_to_be_there_and_to_agree() {
        let trailer = Trailer {
            marker: "TRL".to_owned(),
            rows: Some(2),
            sum: Some(4),
        };
        let mut contract = contract(Some("amount"));
        if let Some(totals) = &mut contract.control_totals {
            totals.trailer = Some(trailer);
        }
        let difference = |line: Option<&[&str]>| {
            let summary = Summary {
                counts: RowCounts {
                    bronze_rows: 2,
                    ..RowCounts::default()
                },
                sum: ColumnSum {
                    units: 1000,
                    unreadable: 0,
                },
                trailer: line.map(|fields| fields.iter().map(|field| (*field).to_owned()).collect()),
                ..Summary::default()
            };
            trailer_difference(&contract, &summary).unwrap_or_default()
        };
        assert_eq!(difference(Some(&["TRL", "2", "KRW", "10.00"])), "");
        assert_eq!(difference(Some(&["TRL", "000002", "", "10", ""])), "");
        assert!(difference(None).starts_with("it has no trailer: the last line of a CSV file that begins with 'TRL'"));
        assert_eq!(
            difference(Some(&["TRL", "3", "", "9.99"])),
            "it differs from its trailer: 2 rows instead of 3, a sum of amount of 10.00 instead of 9.99"
        );
        assert_eq!(
            difference(Some(&["TRL"])),
            "its trailer has no number of rows in field 2"
        );
        assert_eq!(
            difference(Some(&["TRL", "2"])),
            "its trailer has a sum that is not a number of 2 digits after the point in field 4"
        );
    }

    #[test]
    fn what_differs_is_told_in_numbers() {
        let summary = Summary {
            counts: RowCounts {
                bronze_rows: 2,
                ..RowCounts::default()
            },
            sum: ColumnSum {
                units: 1000,
                unreadable: 1,
            },
            ..Summary::default()
        };
        let check = |text: &str| {
            totals(text.as_bytes(), &contract(Some("amount")))
                .unwrap()
                .difference(&summary, "control file")
        };
        assert_eq!(check(r#"{"rows": 2}"#), None);
        assert_eq!(
            check(r#"{"rows": 3, "sum": 12.5}"#).unwrap(),
            "it differs from its control file: 2 rows instead of 3, a sum of amount of 10.00 instead of 12.50, without 1 \
             rows whose amount is no number"
        );
    }
}
