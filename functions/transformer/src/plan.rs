//! The transform plan: a contract and the facts of one object, compiled for reading rows. Names and rule texts are resolved
//! here, once per object.

use crate::error::TransformerError;
use crate::invariant::BrokenInvariant;
use crate::pattern::Pattern;
use crate::rule::Rule;
use crate::values;
use crate::zone::{LocalTimes, start_of_day};
use cardlake_core::contract::{
    Column, ColumnType, Contract, Derivation, Normalisation, OnPersonalData, Protection, TextFormat, TimestampFormat,
};
use cardlake_core::pii::Tokenizer;
use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Facts shared by all rows of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Key in the bronze bucket.
    pub key: String,
    /// Day of delivery.
    pub ingest_date: NaiveDate,
    /// Last modification of the object, in microseconds since 1970.
    pub ingest_micros: i64,
}

/// Bounds and allowed values of an ordered type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueBounds<T> {
    /// Smallest value.
    pub(crate) minimum: Option<T>,
    /// Largest value.
    pub(crate) maximum: Option<T>,
    /// Allowed values; empty if any value is allowed.
    pub(crate) allowed: Vec<T>,
}

impl<T: PartialOrd> ValueBounds<T> {
    /// Whether the value is within bounds and allowed.
    #[inline]
    pub(crate) fn hold(&self, value: &T) -> bool {
        self.minimum.as_ref().is_none_or(|minimum| value >= minimum)
            && self.maximum.as_ref().is_none_or(|maximum| value <= maximum)
            && (self.allowed.is_empty() || self.allowed.contains(value))
    }

    /// Rules that the value violates.
    pub(crate) fn broken(&self, value: &T) -> impl Iterator<Item = Rule> {
        let minimum = self.minimum.as_ref().is_some_and(|minimum| value < minimum);
        let maximum = self.maximum.as_ref().is_some_and(|maximum| value > maximum);
        let allowed = !self.allowed.is_empty() && !self.allowed.contains(value);
        [
            (minimum, Rule::Minimum),
            (maximum, Rule::Maximum),
            (allowed, Rule::NotAllowed),
        ]
        .into_iter()
        .filter_map(|(broken, rule)| broken.then_some(rule))
    }
}

/// An allowed text of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedText {
    /// The text.
    pub(crate) text: String,
    /// Contribution to the row hash.
    pub(crate) hash: u64,
    /// Required lookups that have no result for this text.
    pub(crate) missing_lookups: Vec<u16>,
}

/// How a source column is parsed and stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnKind {
    /// UUID, stored as 128 bits.
    Uuid,
    /// Text from a short list, stored as its index.
    Code(Arc<[AllowedText]>),
    /// Any other text, interned.
    Text,
    /// Integer: bits.
    Integer(u8, ValueBounds<i64>),
    /// Decimal of at most 18 digits: precision and scale, stored scaled.
    Decimal(u8, u8, ValueBounds<i64>),
    /// Decimal of more than 18 digits.
    WideDecimal(u8, u8, ValueBounds<i128>),
    /// Double.
    Double(ValueBounds<f64>),
    /// Boolean.
    Boolean,
    /// Date, as days since 1970-01-01.
    Date(ValueBounds<i64>),
    /// Timestamp, as microseconds since 1970-01-01 UTC.
    Timestamp(ValueBounds<i64>),
}

/// A column read from bronze.
#[derive(Debug, Clone)]
pub(crate) struct SourceColumn {
    /// Its name.
    pub(crate) name: String,
    /// Seed of its contribution to the row hash: a hash of the name, so that equal values of two columns differ.
    pub(crate) seed: u64,
    /// Whether null violates the contract.
    pub(crate) required: bool,
    /// Type.
    pub(crate) kind: ColumnKind,
    /// Letter case.
    pub(crate) normalisation: Normalisation,
    /// Protection of personal data.
    pub(crate) protection: Protection,
    /// Text format.
    pub(crate) format: Option<TextFormat>,
    /// Pattern of the whole text.
    pub(crate) pattern: Option<Pattern>,
    /// Maximum length in bytes.
    pub(crate) max_length: Option<u32>,
    /// Texts that are read as null, besides the empty one.
    pub(crate) nulls: Vec<String>,
    /// How timestamps are written.
    pub(crate) timestamp_format: TimestampFormat,
    /// Allowed texts, if they are too many for [`ColumnKind::Code`].
    pub(crate) allowed: Vec<String>,
    /// For the event time: start of the late window and end of the future tolerance.
    pub(crate) window: Option<(i64, i64)>,
    /// Lookups by this column: indices into [`TransformPlan::lookups`].
    pub(crate) lookups: Vec<u16>,
    /// What happens to personal data in the text.
    pub(crate) on_personal_data: OnPersonalData,
}

impl SourceColumn {
    /// Maximum bytes of a text with line ends; 0 if no value has any.
    pub(crate) fn longest_multiline(&self) -> u32 {
        let takes_lines = match &self.kind {
            ColumnKind::Text => {
                self.format.is_none()
                    && (self.allowed.is_empty() || self.allowed.iter().any(|text| text.contains('\n')))
            }
            ColumnKind::Code(texts) => texts.iter().any(|allowed| allowed.text.contains('\n')),
            _ => false,
        };
        if takes_lines {
            self.max_length.unwrap_or(u32::MAX)
        } else {
            0
        }
    }
}

/// A column derived by a lookup of a source column's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// Its name.
    pub(crate) name: String,
    /// Whether null violates the contract.
    pub(crate) required: bool,
    /// Index of the source column.
    pub(crate) from: usize,
    /// Result by text.
    pub(crate) values: BTreeMap<String, String>,
}

/// How a column of the table is filled. Indices refer to [`TransformPlan::sources`] and [`TransformPlan::lookups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The source column.
    Source(usize),
    /// The lookup.
    Lookup(usize),
    /// The date of a timestamp.
    DateOf(usize),
    /// Days from the date of a timestamp to the ingest date.
    DaysLate(usize),
    /// The last four digits of a card number.
    LastFour(usize),
    /// The ingest date.
    IngestDate,
    /// The object's last modification.
    IngestTimestamp,
    /// The object's key.
    SourceObject,
    /// The row number.
    SourceRow,
    /// The unknown fields.
    Extra,
    /// The row hash.
    RowHash,
}

/// Everything needed to transform an object.
#[derive(Debug, Clone)]
pub struct TransformPlan {
    /// Contract.
    pub(crate) contract: Arc<Contract>,
    /// The object.
    pub(crate) object: ObjectFacts,
    /// Source columns, in contract order.
    pub(crate) sources: Vec<SourceColumn>,
    /// Lookup columns.
    pub(crate) lookups: Vec<Lookup>,
    /// Maximum length of `extra` in bytes; `None` if the table has no such column and unknown fields are only counted.
    pub(crate) extra: Option<u32>,
    /// Key columns: indices into `sources`.
    pub(crate) key: Vec<usize>,
    /// Partition columns, in order.
    pub(crate) partitions: Vec<(String, Fill)>,
    /// Columns of the data files, in order.
    pub(crate) files: Vec<(Column, Fill)>,
    /// Tokenizer; present if a column is protected.
    pub(crate) tokenizer: Option<Arc<Tokenizer>>,
    /// Column to add up over all rows, index into `sources`, and its digits after the point.
    pub(crate) summed: Option<(usize, u8)>,
}

/// Seed of a column's contribution to the row hash.
pub(crate) fn hash_seed(column: &str) -> u64 {
    xxh3_64(column.as_bytes())
}

impl TransformPlan {
    /// Creates the plan for one object. `late_window_days` overrides the contract's.
    ///
    /// # Errors
    /// The contract is not supported, or protects a column without a tokenizer.
    pub fn new(
        contract: &Arc<Contract>,
        object: ObjectFacts,
        late_window_days: Option<u32>,
        tokenizer: Option<Arc<Tokenizer>>,
    ) -> Result<Self, TransformerError> {
        let names: Vec<&str> = contract.source_columns().map(|column| column.name.as_str()).collect();
        let index_of = |name: &str| names.iter().position(|other| *other == name);
        let wrong = |column: &str, problem: &str| TransformerError::contract(contract, column, problem);
        let position = |name: &str| index_of(name).ok_or_else(|| wrong(name, "is not a column that bronze has"));

        let mut lookups = Vec::new();
        for column in &contract.columns {
            if let Some(Derivation::Lookup { from, values }) = &column.derivation {
                lookups.push(Lookup {
                    name: column.name.clone(),
                    required: column.required,
                    from: position(from)?,
                    values: values.clone(),
                });
            }
        }
        let mut sources = Vec::new();
        for (index, column) in contract.source_columns().enumerate() {
            if column.protection != Protection::None
                && (tokenizer.is_none() || column.column_type != ColumnType::String)
            {
                return Err(wrong(
                    &column.name,
                    "is protected, so it has to be text and token keys have to be set",
                ));
            }
            sources.push(source_column(contract, index, column, &lookups)?);
        }
        if let Some(event_time) = &contract.event_time {
            let index = position(&event_time.column)?;
            let past = late_window_days.unwrap_or(event_time.late_window_days);
            let zone = contract.source.time_zone;
            let window = window(zone, object.ingest_date, past, event_time.future_tolerance_days)
                .ok_or_else(|| wrong(&event_time.column, "has a late window that no calendar reaches"))?;
            sources[index].window = Some(window);
        }
        let fill = |column: &Column| {
            let fill = fill(column, &lookups, &position)?;
            match fill {
                Fill::LastFour(index) if sources[index].protection != Protection::CardNumber => Err(wrong(
                    &column.name,
                    "is derived from a column that is not classified as card_number",
                )),
                _ => Ok(fill),
            }
        };
        let key = contract
            .primary_key
            .iter()
            .map(|name| position(name))
            .collect::<Result<_, _>>()?;
        let mut partitions = Vec::new();
        for name in &contract.partition_columns {
            let column = contract.column(name).ok_or_else(|| wrong(name, "is not described"))?;
            let fill = fill(column)?;
            let supported = match fill {
                Fill::Source(index) => !matches!(
                    sources[index].kind,
                    ColumnKind::Decimal(..) | ColumnKind::WideDecimal(..)
                ),
                Fill::LastFour(_) | Fill::Extra => false,
                _ => true,
            };
            if !supported {
                return Err(wrong(name, "cannot be a partition column"));
            }
            partitions.push((name.clone(), fill));
        }
        let mut files = Vec::new();
        for column in contract.file_columns() {
            files.push((column.clone(), fill(column)?));
        }
        let extra = contract
            .columns
            .iter()
            .find(|column| column.derivation == Some(Derivation::Extra));
        Ok(Self {
            // No maximum length: unbounded.
            extra: extra.map(|column| column.rules.max_length.unwrap_or(u32::MAX)),
            contract: Arc::clone(contract),
            object,
            sources,
            key,
            partitions,
            files,
            tokenizer,
            lookups,
            summed: None,
        })
    }

    /// Adds up a column that bronze has over all rows, with these digits after the point.
    #[must_use]
    pub(crate) fn summing(mut self, column: &str, scale: u8) -> Self {
        let index = self.sources.iter().position(|source| source.name == column);
        self.summed = index.map(|index| (index, scale));
        self
    }

    /// Whether the dataset has protected columns.
    pub(crate) fn is_protected(&self) -> bool {
        self.sources.iter().any(|column| column.protection != Protection::None)
    }
}

/// Start of the late window and end of the future tolerance, in microseconds.
fn window(zone: Option<Tz>, ingest_date: NaiveDate, past: u32, future: u32) -> Option<(i64, i64)> {
    let first = ingest_date.checked_sub_days(Days::new(past.into()))?;
    let end = ingest_date.checked_add_days(Days::new(u64::from(future) + 1))?;
    Some((start_of_day(zone, first)?, start_of_day(zone, end)?))
}

fn fill(
    column: &Column,
    lookups: &[Lookup],
    position: &impl Fn(&str) -> Result<usize, TransformerError>,
) -> Result<Fill, TransformerError> {
    Ok(match &column.derivation {
        None => Fill::Source(position(&column.name)?),
        Some(Derivation::Lookup { .. }) => Fill::Lookup(
            lookups
                .iter()
                .position(|lookup| lookup.name == column.name)
                .ok_or(BrokenInvariant("every lookup of the contract is in the plan"))?,
        ),
        Some(Derivation::DateOf { from }) => Fill::DateOf(position(from)?),
        Some(Derivation::DaysLate { from }) => Fill::DaysLate(position(from)?),
        Some(Derivation::LastFour { from }) => Fill::LastFour(position(from)?),
        Some(Derivation::IngestDate) => Fill::IngestDate,
        Some(Derivation::IngestTimestamp) => Fill::IngestTimestamp,
        Some(Derivation::SourceObject) => Fill::SourceObject,
        Some(Derivation::SourceRow) => Fill::SourceRow,
        Some(Derivation::Extra) => Fill::Extra,
        Some(Derivation::RowHash) => Fill::RowHash,
    })
}

fn source_column(
    contract: &Contract,
    index: usize,
    column: &Column,
    lookups: &[Lookup],
) -> Result<SourceColumn, TransformerError> {
    let rules = &column.rules;
    let seed = hash_seed(&column.name);
    let by_this: Vec<u16> = (0..)
        .zip(lookups)
        .filter(|(_, lookup)| lookup.from == index)
        .map(|(i, _)| i)
        .collect();
    let wrong = |problem: String| TransformerError::contract(contract, &column.name, &problem);
    let invalid_bound = |text: &str| {
        wrong(format!(
            "the limit or allowed value '{text}' is not of the column's type"
        ))
    };
    let kind = match column.column_type {
        ColumnType::String => text_kind(column, seed, lookups, &by_this),
        ColumnType::Integer { bits } => ColumnKind::Integer(
            bits,
            bounds(column, |text| values::integer(text, bits).ok()).map_err(invalid_bound)?,
        ),
        ColumnType::Decimal { precision, scale } => {
            let scale = u8::try_from(scale).map_err(|_| wrong("a negative scale cannot be stored".to_owned()))?;
            let wide = bounds(column, |text| values::decimal(text, precision, scale).ok()).map_err(invalid_bound)?;
            if precision > 18 {
                ColumnKind::WideDecimal(precision, scale, wide)
            } else {
                let narrow = |value: i128| {
                    i64::try_from(value)
                        .map_err(|_| BrokenInvariant("a decimal of at most 18 digits fits into 64 bits"))
                };
                let bounds = ValueBounds {
                    minimum: wide.minimum.map(narrow).transpose()?,
                    maximum: wide.maximum.map(narrow).transpose()?,
                    allowed: wide.allowed.into_iter().map(narrow).collect::<Result<_, _>>()?,
                };
                ColumnKind::Decimal(precision, scale, bounds)
            }
        }
        ColumnType::Double => {
            ColumnKind::Double(bounds(column, |text| values::double(text).ok()).map_err(invalid_bound)?)
        }
        ColumnType::Boolean => ColumnKind::Boolean,
        ColumnType::Date => ColumnKind::Date(
            bounds(column, |text| values::date(text.as_bytes()).ok().map(i64::from)).map_err(invalid_bound)?,
        ),
        ColumnType::Timestamp => {
            let zone = LocalTimes::new(contract.source.time_zone.unwrap_or(Tz::UTC));
            let parse = |text: &str| values::timestamp_in(text.as_bytes(), &zone).ok();
            ColumnKind::Timestamp(bounds(column, parse).map_err(invalid_bound)?)
        }
    };
    let allowed = match kind {
        ColumnKind::Text => rules.allowed.clone(),
        _ => Vec::new(),
    };
    Ok(SourceColumn {
        name: column.name.clone(),
        seed,
        required: column.required,
        kind,
        normalisation: column.normalisation,
        protection: column.protection,
        format: rules.format,
        pattern: rules.pattern.as_deref().map(Pattern::new).transpose().map_err(wrong)?,
        max_length: rules.max_length,
        nulls: column.null_values.clone(),
        timestamp_format: column.timestamp_format,
        allowed,
        window: None,
        lookups: by_this,
        on_personal_data: on_personal_data(contract, column),
    })
}

/// What happens to personal data in a text column. Nothing is looked for where the contract says what values look like. A key is never
/// masked: rows would become one.
fn on_personal_data(contract: &Contract, column: &Column) -> OnPersonalData {
    let rules = &column.rules;
    let is_described = rules.pattern.is_some() || rules.format.is_some() || !rules.allowed.is_empty();
    match contract.on_personal_data {
        _ if is_described || column.protection != Protection::None => OnPersonalData::Allow,
        OnPersonalData::Mask if contract.primary_key.contains(&column.name) => OnPersonalData::Quarantine,
        policy => policy,
    }
}

fn text_kind(column: &Column, seed: u64, lookups: &[Lookup], by_this: &[u16]) -> ColumnKind {
    let rules = &column.rules;
    let plain = column.protection == Protection::None && rules.pattern.is_none();
    let fits = rules.max_length.is_none_or(|length| length >= 36) && by_this.is_empty();
    if plain && fits && rules.format == Some(TextFormat::Uuid) && rules.allowed.is_empty() {
        return ColumnKind::Uuid;
    }
    if !plain || rules.format.is_some() || rules.allowed.is_empty() || rules.allowed.len() > 250 {
        return ColumnKind::Text;
    }
    let allowed = |text: &String| AllowedText {
        text: text.clone(),
        hash: xxh3_64_with_seed(text.as_bytes(), seed),
        missing_lookups: missing_lookups(text, lookups, by_this).collect(),
    };
    ColumnKind::Code(rules.allowed.iter().map(allowed).collect())
}

/// Required lookups among `by_this` that have no result for a text.
pub(crate) fn missing_lookups<'p>(
    text: &'p str,
    lookups: &'p [Lookup],
    by_this: &'p [u16],
) -> impl Iterator<Item = u16> + 'p {
    by_this.iter().copied().filter(move |index| {
        let lookup = &lookups[usize::from(*index)];
        lookup.required && !lookup.values.contains_key(text)
    })
}

/// Parses the bounds of a column; the error is the text that is not a value of its type.
fn bounds<T>(column: &Column, parse: impl Fn(&str) -> Option<T>) -> Result<ValueBounds<T>, &str> {
    let rules = &column.rules;
    let value = |text| parse(text).ok_or(text);
    Ok(ValueBounds {
        minimum: rules.minimum.as_deref().map(value).transpose()?,
        maximum: rules.maximum.as_deref().map(value).transpose()?,
        allowed: rules.allowed.iter().map(|text| value(text)).collect::<Result<_, _>>()?,
    })
}
