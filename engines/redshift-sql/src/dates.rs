//! Date parts and date formats: Redshift's spellings and what they are in DuckDB.

use sqlparser::ast::{BinaryOperator, Expr};

use crate::build::{self, binary, cast, number, string};
use crate::error::SqlError;
use crate::types::RedshiftType;

/// DuckDB's name of a date part, from any of Redshift's spellings.
pub(crate) fn date_part(part: &str) -> Result<&'static str, SqlError> {
    let part = part.to_lowercase();
    Ok(match part.as_str() {
        "millennium" | "millennia" | "mil" | "mils" => "millennium",
        "century" | "centuries" | "c" | "cent" | "cents" => "century",
        "decade" | "decades" | "dec" | "decs" => "decade",
        "epoch" => "epoch",
        "year" | "years" | "y" | "yr" | "yrs" => "year",
        "quarter" | "quarters" | "qtr" | "qtrs" => "quarter",
        "month" | "months" | "mon" | "mons" => "month",
        "week" | "weeks" | "w" => "week",
        "dayofweek" | "dow" | "dw" | "weekday" => "dow",
        "dayofyear" | "doy" | "dy" | "yearday" => "doy",
        "day" | "days" | "d" => "day",
        "hour" | "hours" | "h" | "hr" | "hrs" => "hour",
        "minute" | "minutes" | "m" | "min" | "mins" => "minute",
        "second" | "seconds" | "s" | "sec" | "secs" => "second",
        "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisec"
        | "millisecs" | "millisecon" => "millisecond",
        "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsec"
        | "microsecs" | "microsecon" => "microsecond",
        _ => return Err(SqlError::unsupported(format!("the date part \"{part}\""))),
    })
}

/// A date as DuckDB reads it: Redshift takes `20230104 04:05:06` too.
pub(crate) fn iso(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.get(digits..) {
        Some(rest) if digits == 8 && (rest.is_empty() || rest.starts_with([' ', 'T'])) => {
            format!("{}-{}-{}{rest}", &text[..4], &text[4..6], &text[6..8])
        }
        _ => text.to_owned(),
    }
}

/// One piece of a date format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FormatPiece {
    /// A `strftime` format.
    Strftime(String),
    /// A `strftime` format whose result is put in upper case (`MON`).
    Upper(String),
    /// A `strftime` format whose result is put in lower case (`mon`).
    Lower(String),
    /// A `strftime` format whose result is padded with blanks to nine characters (`Month`), then changed in case.
    Padded(String, Case),
    /// A part of the date as a plain number (`Q`).
    Part(&'static str),
    /// The day of the week, 1 is Sunday (`D`).
    DayOfWeek,
    /// The week of the year or of the month, whose first day begins the first week (`WW`, `W`): the part that numbers the
    /// days, and whether there are always two digits.
    Week(&'static str, bool),
}

/// Case of a padded name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// As it is.
    Keep,
    /// Upper case.
    Upper,
    /// Lower case.
    Lower,
}

/// Splits a Redshift date format (`YYYY-MM-DD HH24:MI:SS`) into pieces.
///
/// Fails, naming the element, on one that has no counterpart.
pub(crate) fn format_pieces(format: &str) -> Result<Vec<FormatPiece>, SqlError> {
    use FormatPiece::{DayOfWeek, Lower, Padded, Part, Strftime, Upper, Week};

    let mut pieces: Vec<FormatPiece> = Vec::new();
    let mut rest = format;
    let mut fill = true;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let (quoted, after) = rest[1..].split_once('"').unwrap_or((&rest[1..], ""));
            push_text(&mut pieces, &quoted.replace('%', "%%"));
            rest = after;
            continue;
        }
        if !first.is_ascii_alphabetic() {
            push_text(
                &mut pieces,
                &if first == '%' {
                    "%%".to_owned()
                } else {
                    first.to_string()
                },
            );
            rest = &rest[first.len_utf8()..];
            continue;
        }
        // The name elements are told apart by their case, the others are not.
        let (length, piece) = if let Some(found) = name_element(rest, fill) {
            found
        } else {
            let upper: String = rest.chars().take(5).collect::<String>().to_ascii_uppercase();
            let found = ELEMENTS.iter().find(|(element, _)| upper.starts_with(element));
            match found {
                Some(("FM", _)) => {
                    fill = false;
                    rest = &rest[2..];
                    continue;
                }
                Some(("CC", _)) => (2, Part("century")),
                Some(("ID", _)) => (2, Part("isodow")),
                Some(("Q", _)) => (1, Part("quarter")),
                Some(("D", _)) => (1, DayOfWeek),
                Some(("WW", _)) => (2, Week("doy", fill)),
                Some(("W", _)) => (1, Week("day", false)),
                Some(("MON" | "MONTH" | "DAY" | "DY", _)) | None => {
                    return Err(SqlError::unsupported(format!("the date format element at \"{rest}\"")));
                }
                Some((element, strftime)) => {
                    let strftime = if fill {
                        (*strftime).to_owned()
                    } else {
                        unfilled(strftime)
                    };
                    (element.len(), Strftime(strftime))
                }
            }
        };
        match piece {
            Strftime(text) => push_text(&mut pieces, &text),
            Upper(_) | Lower(_) | Padded(..) | Part(_) | DayOfWeek | Week(..) => pieces.push(piece),
        }
        rest = &rest[length..];
    }
    Ok(pieces)
}

/// The text of a date in a format.
pub(crate) fn to_char(value: &Expr, format: &str) -> Result<Expr, SqlError> {
    let text = |expr| cast(expr, RedshiftType::Varchar(1).duckdb_ast());
    let part = |part: &str| build::call("date_part", vec![string(part), value.clone()]);
    let strftime = |format: String| build::call("strftime", vec![value.clone(), string(format)]);
    let with_case = |expr: Expr, case: Case| match case {
        Case::Keep => expr,
        Case::Upper => build::call("upper", vec![expr]),
        Case::Lower => build::call("lower", vec![expr]),
    };
    let pieces = format_pieces(format)?.into_iter().map(|piece| match piece {
        FormatPiece::Strftime(format) => strftime(format),
        FormatPiece::Upper(format) => with_case(strftime(format), Case::Upper),
        FormatPiece::Lower(format) => with_case(strftime(format), Case::Lower),
        FormatPiece::Padded(format, case) => {
            build::call("rpad", vec![with_case(strftime(format), case), number(9), string(" ")])
        }
        FormatPiece::Part(name) => text(part(name)),
        FormatPiece::DayOfWeek => text(binary(part("dow"), BinaryOperator::Plus, number(1))),
        FormatPiece::Week(days, fill) => {
            let days = binary(part(days), BinaryOperator::Plus, number(6));
            let week = text(binary(days, BinaryOperator::DuckIntegerDivide, number(7)));
            if fill {
                build::call("lpad", vec![week, number(2), string("0")])
            } else {
                week
            }
        }
    });
    let joined = pieces.reduce(|left, right| binary(left, BinaryOperator::StringConcat, right));
    Ok(joined.unwrap_or_else(|| string("")))
}

/// Longest first, so that `YYYY` wins over `YY`. Upper case.
const ELEMENTS: &[(&str, &str)] = &[
    ("MONTH", ""),
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("DDD", "%j"),
    ("MON", ""),
    ("DAY", ""),
    ("HH", "%I"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%g"),
    ("SS", "%S"),
    ("US", "%f"),
    ("DD", "%d"),
    ("DY", ""),
    ("CC", ""),
    ("ID", ""),
    ("IW", "%V"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("FM", ""),
    ("TZ", "%Z"),
    ("WW", ""),
    ("Q", ""),
    ("D", ""),
    ("W", ""),
];

fn name_element(rest: &str, fill: bool) -> Option<(usize, FormatPiece)> {
    let name = |format: &str, case: Case| {
        let format = format.to_owned();
        if fill {
            FormatPiece::Padded(format, case)
        } else {
            match case {
                Case::Keep => FormatPiece::Strftime(format),
                Case::Upper => FormatPiece::Upper(format),
                Case::Lower => FormatPiece::Lower(format),
            }
        }
    };
    let found = [
        ("MONTH", name("%B", Case::Upper)),
        ("Month", name("%B", Case::Keep)),
        ("month", name("%B", Case::Lower)),
        ("MON", FormatPiece::Upper("%b".to_owned())),
        ("Mon", FormatPiece::Strftime("%b".to_owned())),
        ("mon", FormatPiece::Lower("%b".to_owned())),
        ("DAY", name("%A", Case::Upper)),
        ("Day", name("%A", Case::Keep)),
        ("day", name("%A", Case::Lower)),
        ("DY", FormatPiece::Upper("%a".to_owned())),
        ("Dy", FormatPiece::Strftime("%a".to_owned())),
        ("dy", FormatPiece::Lower("%a".to_owned())),
    ];
    found
        .into_iter()
        .find(|(element, _)| rest.starts_with(element))
        .map(|(element, piece)| (element.len(), piece))
}

/// `FM` leaves out leading zeros.
fn unfilled(strftime: &str) -> String {
    match strftime {
        "%m" | "%d" | "%H" | "%I" | "%M" | "%S" | "%j" | "%y" => format!("%-{}", &strftime[1..]),
        other => other.to_owned(),
    }
}

fn push_text(pieces: &mut Vec<FormatPiece>, text: &str) {
    if let Some(FormatPiece::Strftime(last)) = pieces.last_mut() {
        last.push_str(text);
    } else {
        pieces.push(FormatPiece::Strftime(text.to_owned()));
    }
}

/// The `strptime` format of a Redshift format, for TO_DATE and TO_TIMESTAMP.
pub(crate) fn parse_format(format: &str) -> Result<String, SqlError> {
    let mut strptime = String::new();
    for piece in format_pieces(format)? {
        match piece {
            FormatPiece::Strftime(text)
            | FormatPiece::Upper(text)
            | FormatPiece::Lower(text)
            | FormatPiece::Padded(text, _) => strptime.push_str(&text),
            FormatPiece::Part(_) | FormatPiece::DayOfWeek | FormatPiece::Week(..) => {
                return Err(SqlError::unsupported(format!(
                    "parsing with the date format '{format}'"
                )));
            }
        }
    }
    Ok(strptime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translates_the_usual_formats() {
        assert_eq!(parse_format("YYYY-MM-DD HH24:MI:SS").unwrap(), "%Y-%m-%d %H:%M:%S");
        assert_eq!(parse_format("DD Mon YYYY").unwrap(), "%d %b %Y");
        assert_eq!(
            format_pieces("YYYY-\"W\"IW").unwrap(),
            [FormatPiece::Strftime("%Y-W%V".to_owned())]
        );
        assert_eq!(
            format_pieces("FMMM/FMDD").unwrap(),
            [FormatPiece::Strftime("%-m/%-d".to_owned())]
        );
    }

    #[test]
    fn names_an_element_it_does_not_know() {
        let error = format_pieces("YYYY J").unwrap_err();
        assert_eq!(
            error.to_string(),
            "ERROR: the date format element at \"J\" is not supported by the local Redshift"
        );
    }

    #[test]
    fn knows_all_spellings_of_a_part() {
        assert_eq!(date_part("QTR").unwrap(), "quarter");
        assert_eq!(date_part("dow").unwrap(), "dow");
        assert!(date_part("fortnight").is_err());
    }
}
