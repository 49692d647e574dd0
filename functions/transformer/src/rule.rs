//! Validation rules and their names in the quarantine file.
//!
//! A reason is `<column>: <rule>`, or `row: <rule>` if the row cannot be split into fields. The texts are stable, since counts
//! by reason are compared over time.

/// A rule that a row can violate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// The row has more or fewer fields than the header.
    FieldCount,
    /// The row is not UTF-8.
    NotUtf8,
    /// The row is longer than the contract's `limits.maxRecordBytes`.
    RowTooLong,
    /// A quoted field is followed by something other than a comma or the end of the row.
    TextAfterQuote,
    /// A quoted field does not end.
    UnclosedQuote,
    /// The line is not a JSON object.
    NotJson,
    /// Missing or empty.
    Required,
    /// A JSON object or array instead of a single value.
    Nested,
    /// A boolean instead of text.
    NotText,
    /// The text contains a NUL byte, which the warehouse cannot store.
    NulByte,
    /// Not 8-4-4-4-12 hexadecimal digits.
    NotUuid,
    /// Not an e-mail address.
    NotEmail,
    /// The pattern of the contract does not match.
    Pattern,
    /// Longer than the column.
    TooLong,
    /// None of the allowed values.
    NotAllowed,
    /// Not a number.
    NotNumber,
    /// Not a whole number.
    NotInteger,
    /// A number with an exponent.
    Scientific,
    /// More fractional digits than the column's scale.
    Scale,
    /// More digits than the column's precision.
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
    /// A day that does not exist in the calendar.
    NoSuchDay,
    /// A time of day that does not exist.
    NoSuchTime,
    /// The event is older than the late window.
    Late,
    /// The event is further ahead than the future tolerance.
    Future,
    /// Not 12 to 19 digits.
    NotCardNumber,
    /// The check digit is wrong.
    Luhn,
    /// A card number, an e-mail address or a telephone number where the contract takes none.
    PersonalData,
}

/// Subject of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The row as a whole.
    Row,
    /// A source column, by index in the plan.
    Column(u16),
    /// A lookup column, by index in the plan.
    Lookup(u16),
    /// The unknown fields.
    Extra,
}

/// A violated rule with its row and subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Row in the batch.
    pub(crate) row: u32,
    /// Subject.
    pub(crate) subject: Subject,
    /// Violated rule.
    pub(crate) rule: Rule,
}

impl Rule {
    /// Text after `<column>: `; `max_length` is that of the column, in bytes.
    pub(crate) fn text(self, max_length: Option<u32>) -> String {
        let fixed = match self {
            Self::FieldCount => "wrong number of fields",
            Self::NotUtf8 => "not UTF-8",
            Self::RowTooLong => "longer than maxRecordBytes",
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
            Self::PersonalData => "holds personal data",
        };
        fixed.to_owned()
    }
}
