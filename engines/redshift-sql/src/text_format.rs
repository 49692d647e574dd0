//! The text formats of COPY: CSV, delimited fields and JSON. From options to a description; no I/O.

use crate::dates;
use crate::error::SqlError;

/// How text is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFormat {
    /// How fields are separated.
    pub layout: Layout,
    /// `gzip` or `zstd`.
    pub compression: Option<&'static str>,
    /// Lines to skip at the start of every file.
    pub ignore_header: u64,
    /// The text that stands for NULL.
    pub null_as: String,
    /// Empty text is NULL in text columns too.
    pub empty_as_null: bool,
    /// Text of blanks only is NULL.
    pub blanks_as_null: bool,
    /// Trailing blanks of text are removed.
    pub trim_blanks: bool,
    /// Text that is too long is cut instead of refused.
    pub truncate_columns: bool,
    /// Missing fields at the end of a line are NULL.
    pub fill_record: bool,
    /// A date that cannot be read is NULL.
    pub accept_any_date: bool,
    /// Surplus digits of decimals are rounded instead of cut off.
    pub round: bool,
    /// DATEFORMAT.
    pub dates: TimeFormat,
    /// TIMEFORMAT.
    pub times: TimeFormat,
    /// The load fails at this number of bad rows.
    pub max_error: u64,
}

/// Where fields end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// At a delimiter; quoted fields may contain it.
    Csv {
        /// Between fields.
        delimiter: String,
        /// Around fields.
        quote: String,
    },
    /// At a delimiter, without quotes.
    Delimited {
        /// Between fields.
        delimiter: String,
    },
    /// The file is a sequence of JSON objects.
    Json(JsonFields),
}

/// The mapping of JSON members to columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFields {
    /// Members go to the columns of the same name.
    Auto {
        /// Names match in any case.
        ignore_case: bool,
    },
    /// The whole object goes to the one SUPER column.
    NoShred,
    /// A file of JSONPath expressions at this `s3://` URL, one for each column.
    Paths(String),
}

/// How dates or timestamps are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// In one of the forms that are recognised by themselves.
    Auto,
    /// As a `strptime` format says.
    Pattern(String),
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
}

/// Options that would change what is loaded and that this server does not have.
const UNSUPPORTED: &[&str] = &[
    "escape",
    "removequotes",
    "fixedwidth",
    "bzip2",
    "lzop",
    "noload",
    "readratio",
    "ignoreallerrors",
];

/// Reads the options of a COPY of text; `format` is none for delimited fields.
pub(crate) fn read(
    format: Option<&str>,
    options: &[(&str, String)],
    fill_record: bool,
) -> Result<TextFormat, SqlError> {
    let named = |name: &str| options.iter().rev().find(|(option, _)| *option == name);
    let value = |name: &str| named(name).map(|(_, value)| value.clone());
    let given = |name: &str| named(name).is_some();
    if let Some((option, _)) = options.iter().find(|(option, _)| UNSUPPORTED.contains(option)) {
        return Err(SqlError::unsupported(format!(
            "the COPY option {}",
            option.to_uppercase()
        )));
    }
    if let Some(encoding) = value("encoding")
        && !encoding.eq_ignore_ascii_case("utf8")
    {
        return Err(SqlError::unsupported(format!(
            "COPY with ENCODING {}",
            encoding.to_uppercase()
        )));
    }
    let delimiter = value("delimiter");
    let quote = value("quote");
    if delimiter
        .as_ref()
        .is_some_and(|delimiter| delimiter.chars().count() != 1)
    {
        return Err(SqlError::unsupported("a DELIMITER of other than one character"));
    }
    if quote.is_some() && format != Some("csv") {
        return Err(SqlError::redshift("QUOTE is only supported for CSV"));
    }
    let layout = match format {
        Some("csv") => Layout::Csv {
            delimiter: delimiter.unwrap_or_else(|| ",".to_owned()),
            quote: quote.unwrap_or_else(|| "\"".to_owned()),
        },
        Some("json") => {
            if let Some(option) = ["delimiter", "ignoreheader", "ignoreblanklines"]
                .into_iter()
                .find(|o| given(o))
            {
                return Err(SqlError::redshift(format!(
                    "{} is not supported for JSON",
                    option.to_uppercase()
                )));
            }
            let fields = value("json").unwrap_or_default();
            Layout::Json(match fields.to_lowercase().as_str() {
                "auto" => JsonFields::Auto { ignore_case: false },
                "auto ignorecase" => JsonFields::Auto { ignore_case: true },
                "noshred" => JsonFields::NoShred,
                _ if fields.starts_with("s3://") => JsonFields::Paths(fields),
                _ => return Err(SqlError::redshift(format!("invalid JSON option '{fields}'"))),
            })
        }
        _ => Layout::Delimited {
            delimiter: delimiter.unwrap_or_else(|| "|".to_owned()),
        },
    };
    Ok(TextFormat {
        layout,
        compression: match (given("gzip"), given("zstd")) {
            (true, _) => Some("gzip"),
            (_, true) => Some("zstd"),
            _ => None,
        },
        ignore_header: value("ignoreheader")
            .and_then(|lines| lines.parse().ok())
            .unwrap_or_default(),
        null_as: value("null").unwrap_or_else(|| "\\N".to_owned()),
        empty_as_null: given("emptyasnull"),
        blanks_as_null: given("blanksasnull"),
        trim_blanks: given("trimblanks"),
        truncate_columns: given("truncatecolumns"),
        fill_record,
        accept_any_date: given("acceptanydate"),
        round: given("roundec"),
        dates: time_format(value("dateformat"))?,
        times: time_format(value("timeformat"))?,
        max_error: value("maxerror").and_then(|rows| rows.parse().ok()).unwrap_or_default(),
    })
}

fn time_format(format: Option<String>) -> Result<TimeFormat, SqlError> {
    let Some(format) = format else {
        return Ok(TimeFormat::Auto);
    };
    Ok(match format.to_lowercase().as_str() {
        "auto" | "" => TimeFormat::Auto,
        "epochsecs" => TimeFormat::EpochSeconds,
        "epochmillisecs" => TimeFormat::EpochMilliseconds,
        _ => TimeFormat::Pattern(dates::parse_format(&format)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<'a>(pairs: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    #[test]
    fn defaults_follow_the_format() {
        let csv = read(Some("csv"), &[], false).unwrap();
        let (delimiter, quote) = (",".to_owned(), "\"".to_owned());
        assert_eq!(csv.layout, Layout::Csv { delimiter, quote });
        let plain = read(
            None,
            &options(&[("ignoreheader", "2"), ("dateformat", "DD.MM.YYYY")]),
            false,
        )
        .unwrap();
        assert_eq!(
            plain.layout,
            Layout::Delimited {
                delimiter: "|".to_owned()
            }
        );
        assert_eq!((plain.ignore_header, plain.max_error), (2, 0));
        assert_eq!(plain.dates, TimeFormat::Pattern("%d.%m.%Y".to_owned()));
    }

    #[test]
    fn what_would_change_the_rows_and_is_not_there_is_named() {
        for (name, value) in [
            ("escape", ""),
            ("fixedwidth", "a:1"),
            ("encoding", "utf16"),
            ("delimiter", "||"),
        ] {
            let error = read(None, &options(&[(name, value)]), false).unwrap_err().to_string();
            assert!(error.contains(&name.to_uppercase()), "{error}");
        }
        assert!(read(Some("json"), &options(&[("json", "s4://x")]), false).is_err());
    }
}
