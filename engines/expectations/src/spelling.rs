//! Values as Python's `str` spells them, for expectations on text that are given other columns.

use crate::expectations::check::CheckError;
use crate::value::Column;
use arrow::array::{Array, BooleanArray};
use chrono::Timelike;
use std::fmt::Write;

/// Judges the text of each value of a column; nulls stay.
pub(crate) fn judge_text<E>(
    column: Column<'_>,
    mut unexpected: impl FnMut(&str) -> Result<bool, E>,
) -> Result<BooleanArray, CheckError>
where
    CheckError: From<E>,
{
    let mut problem = None;
    let mut verdict = |text: &str| {
        unexpected(text).unwrap_or_else(|error| {
            problem.get_or_insert(error);
            true
        })
    };
    let verdicts = match column {
        Column::Text(array) if array.null_count() == 0 => BooleanArray::from_unary(array, verdict),
        // The slot of a null holds some text, which there may be no verdict on.
        Column::Text(array) => array.iter().map(|text| text.map(&mut verdict)).collect(),
        other => {
            let mut text = String::new();
            let verdicts = (0..other.array().len()).map(|row| {
                (!other.is_null(row)).then(|| {
                    text.clear();
                    spell(&other, row, &mut text);
                    verdict(&text)
                })
            });
            verdicts.collect()
        }
    };
    problem.map_or(Ok(verdicts), |problem| Err(problem.into()))
}

/// Appends the value of a row, which must not be null.
pub(crate) fn spell(column: &Column<'_>, row: usize, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = match column {
        Column::Text(array) => text.write_str(array.value(row)),
        Column::Integer(array) => write!(text, "{}", array.value(row)),
        Column::Float(array) => text.write_str(&float(array.value(row))),
        Column::Decimal(array) => text.write_str(&array.value_as_string(row)),
        Column::Boolean(array) => text.write_str(if array.value(row) { "True" } else { "False" }),
        Column::Date(array) => match array.value_as_date(row) {
            Some(date) => write!(text, "{date}"),
            None => Ok(()),
        },
        Column::Timestamp(array) => {
            moment(array.value_as_datetime(row), array.timezone().is_some(), text);
            Ok(())
        }
        Column::Nanoseconds(array) => {
            moment(array.value_as_datetime(row), array.timezone().is_some(), text);
            Ok(())
        }
        Column::Other(_) => text.write_str(&column.text(row)),
    };
}

fn moment(time: Option<chrono::NaiveDateTime>, zoned: bool, text: &mut String) {
    let Some(time) = time else {
        return;
    };
    let _ = write!(text, "{}", time.format("%Y-%m-%d %H:%M:%S"));
    let _ = match time.nanosecond() {
        0 => Ok(()),
        nanoseconds if nanoseconds % 1000 == 0 => write!(text, ".{:06}", nanoseconds / 1000),
        nanoseconds => write!(text, ".{nanoseconds:09}"),
    };
    if zoned {
        text.push_str("+00:00");
    }
}

/// The shortest digits that give the number back; with an exponent below 0.0001 and from 1e16.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = exponent
            .strip_prefix('-')
            .map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let plain = format!("{value}");
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelt_as_in_python() {
        for (value, spelt) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (-1.25e-7, "-1.25e-07"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float(value), spelt);
        }
    }
}
