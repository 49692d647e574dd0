//! The rules that a row can break, and how each is named in a quarantine line.
//!
//! A reason is `<column>: <rule>`, or `row: <rule>` when the row cannot be taken apart. The texts are stable: counts by
//! reason are kept over time.

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The row has more or fewer fields than the header.
    FieldCount,
    /// The row is not UTF-8.
    NotUtf8,
    /// The row is longer than [`crate::blocks::MAXIMUM_RECORD_BYTES`].
    RowTooLong,
    /// A quoted field is followed by something other than a comma or the end of the row.
    TextAfterQuote,
    /// A quoted field does not end.
    UnclosedQuote,
    /// The line is not a JSON object.
    NotJson,
    /// Nothing there.
    Required,
    /// A JSON object or array where one value belongs.
    Nested,
    /// true or false where text belongs.
    NotText,
    /// The text holds a NUL, which the warehouse cannot store.
    NulByte,
    /// Not 8-4-4-4-12 hexadecimal digits.
    NotUuid,
    /// Not an e-mail address.
    NotEmail,
    /// The pattern of the contract does not match.
    Pattern,
    /// More bytes than the column holds.
    TooLong,
    /// None of the allowed values.
    NotAllowed,
    /// Not a number.
    NotNumber,
    /// Not a whole number.
    NotInteger,
    /// A number with an exponent.
    Scientific,
    /// More digits after the point than the column holds.
    Scale,
    /// More digits than the column holds.
    Range,
    /// Below the minimum.
    Minimum,
    /// Above the maximum.
    Maximum,
    /// Not one of the spellings of true and false.
    NotBoolean,
    /// Not `YYYY-MM-DD`.
    NotDate,
    /// Not a timestamp.
    NotTimestamp,
    /// A day that no calendar has.
    NoSuchDay,
    /// A time that no clock shows.
    NoSuchTime,
    /// The event is older than the late window.
    Late,
    /// The event is further ahead than the future tolerance.
    Future,
    /// Not 12 to 19 digits.
    NotCardNumber,
    /// The check digit is wrong.
    Luhn,
}

/// What a problem is about: a source column by index, the row itself, or `extra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The row as a whole.
    Row,
    /// A source column.
    Column(u16),
    /// A column looked up by the value of a source column: index among the plan's lookups.
    Lookup(u16),
    /// The fields that the contract does not know.
    Extra,
}

/// A broken rule and where it was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Row of the batch.
    pub row: u32,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong.
    pub rule: Rule,
}

impl Rule {
    /// The text behind `<column>: `; `max_length` is that of the column, in bytes.
    #[must_use]
    pub fn text(self, max_length: Option<u32>) -> String {
        let fixed = match self {
            Self::FieldCount => "wrong number of fields",
            Self::NotUtf8 => "not UTF-8",
            Self::RowTooLong => "longer than 10 MB",
            Self::TextAfterQuote => "text after a closing quote",
            Self::UnclosedQuote => "a quote is not closed",
            Self::NotJson => "not a JSON object",
            Self::Required => "required",
            Self::Nested => "not a single value",
            Self::NotText => "not text",
            Self::NulByte => "holds a NUL byte",
            Self::NotUuid => "not a UUID",
            Self::NotEmail => "not an e-mail address",
            Self::Pattern => "does not match the pattern",
            Self::TooLong => {
                return match max_length {
                    Some(bytes) => format!("longer than {bytes} bytes"),
                    None => "too long".to_owned(),
                };
            }
            Self::NotAllowed => "not an allowed value",
            Self::NotNumber => "not a number",
            Self::NotInteger => "not a whole number",
            Self::Scientific => "scientific notation",
            Self::Scale => "too many digits after the point",
            Self::Range => "too many digits",
            Self::Minimum => "below the minimum",
            Self::Maximum => "above the maximum",
            Self::NotBoolean => "not a boolean",
            Self::NotDate => "not a date",
            Self::NotTimestamp => "not a timestamp",
            Self::NoSuchDay => "no such day in the calendar",
            Self::NoSuchTime => "no such time of day",
            Self::Late => "earlier than the late window",
            Self::Future => "later than the future tolerance",
            Self::NotCardNumber => "not a card number",
            Self::Luhn => "wrong check digit",
        };
        fixed.to_owned()
    }
}
