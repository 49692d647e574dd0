//! A contract and the facts of one object, made ready for reading rows: no lookups by name and no text of rules after this.

use crate::error::Error;
use crate::pattern::Pattern;
use crate::rule::Rule;
use crate::values;
use cardlake_core::contract::{Column, ColumnType, Contract, Derivation, Normalisation, Protection, TextFormat};
use cardlake_core::pii::Tokenizer;
use chrono::{Days, NaiveDate};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What all rows of an object share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Key in the bronze bucket.
    pub key: String,
    /// The day of delivery.
    pub ingest_date: NaiveDate,
    /// The object's own time, in microseconds since 1970.
    pub ingest_micros: i64,
}

/// Bounds and allowed values of an ordered type.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits<T> {
    /// Smallest value.
    pub minimum: Option<T>,
    /// Largest value.
    pub maximum: Option<T>,
    /// All values there are; empty: any.
    pub allowed: Vec<T>,
}

impl<T: PartialOrd> Limits<T> {
    /// Whether the value breaks none of the limits.
    #[inline]
    pub fn hold(&self, value: &T) -> bool {
        self.minimum.as_ref().is_none_or(|minimum| value >= minimum)
            && self.maximum.as_ref().is_none_or(|maximum| value <= maximum)
            && (self.allowed.is_empty() || self.allowed.contains(value))
    }

    /// The limits that the value breaks.
    pub fn broken(&self, value: &T) -> impl Iterator<Item = Rule> {
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

/// One allowed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Its share of the row hash.
    pub hash: u64,
    /// Lookups by this text that have no result though their column is required.
    pub missing_lookups: Vec<u16>,
}

/// How a source column is read and held.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Text that is always a UUID, held as its 128 bits.
    Uuid,
    /// Text out of a short list, held as its place there.
    Code(Vec<Word>),
    /// Any other text, held once for each value.
    Text,
    /// Whole number.
    Integer(u8, Limits<i64>),
    /// Decimal of at most 18 digits: precision and scale, held scaled.
    Decimal(u8, u8, Limits<i64>),
    /// Decimal of more digits.
    WideDecimal(u8, u8, Limits<i128>),
    /// Double.
    Double(Limits<f64>),
    /// Boolean.
    Boolean,
    /// Day.
    Date(Limits<i64>),
    /// Instant.
    Timestamp(Limits<i64>),
}

/// A column that is read from bronze.
#[derive(Debug, Clone)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Seed of its share of the row hash: a hash of the name, so that equal values in two columns differ.
    pub seed: u64,
    /// Whether null breaks the contract.
    pub required: bool,
    /// How it is read.
    pub kind: Kind,
    /// Letter case.
    pub normalisation: Normalisation,
    /// What must not be stored in the clear.
    pub protection: Protection,
    /// Text form.
    pub format: Option<TextFormat>,
    /// Pattern of the whole text.
    pub pattern: Option<Pattern>,
    /// Longest text in bytes.
    pub max_length: Option<u32>,
    /// Allowed texts, where they are too many for [`Kind::Code`].
    pub allowed: Vec<String>,
    /// Earliest instant inside the late window and first instant past the future tolerance, for the event time.
    pub window: Option<(i64, i64)>,
    /// Lookups by this column: indices in [`Plan::lookups`].
    pub lookups: Vec<u16>,
}

/// A column looked up by the text of a source column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Its name.
    pub name: String,
    /// Whether null breaks the contract.
    pub required: bool,
    /// The source column, by index.
    pub from: usize,
    /// Result by text.
    pub values: BTreeMap<String, String>,
}

/// How a column of the table is filled. Indices are those of [`Plan::sources`] and [`Plan::lookups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// As read.
    Source(usize),
    /// Looked up.
    Lookup(usize),
    /// The day of a timestamp.
    DateOf(usize),
    /// Days from the day of a timestamp to the ingest date.
    DaysLate(usize),
    /// The last four digits of a card number.
    LastFour(usize),
    /// The ingest date.
    IngestDate,
    /// The object's time.
    IngestTimestamp,
    /// The object's key.
    SourceObject,
    /// The row's number.
    SourceRow,
    /// The unknown fields.
    Extra,
    /// The hash over the delivered values.
    RowHash,
}

/// Everything that is needed to read an object.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The contract.
    pub contract: Arc<Contract>,
    /// What all rows share.
    pub object: ObjectFacts,
    /// Columns that are read, in the order of the contract.
    pub sources: Vec<SourceColumn>,
    /// Columns that are looked up.
    pub lookups: Vec<Lookup>,
    /// Longest `extra` in bytes; none: the table has no such column, unknown fields are only counted.
    pub extra: Option<u32>,
    /// Columns of the key.
    pub key: Vec<usize>,
    /// The event time.
    pub event_time: Option<usize>,
    /// Partition columns, in order.
    pub partitions: Vec<(String, Fill)>,
    /// Columns of the data files, in order.
    pub files: Vec<(Column, Fill)>,
    /// Makes tokens; there is one whenever a column is protected.
    pub tokenizer: Option<Arc<Tokenizer>>,
}

/// Seed of the row hash for a column.
#[must_use]
pub fn hash_seed(column: &str) -> u64 {
    xxh3_64(column.as_bytes())
}

impl Plan {
    /// Makes the plan for one object. `late_window_days` takes the place of the contract's.
    ///
    /// # Errors
    /// The contract asks for what cannot be done, or protects a column and there is no tokenizer.
    pub fn new(
        contract: &Arc<Contract>,
        object: ObjectFacts,
        late_window_days: Option<u32>,
        tokenizer: Option<Arc<Tokenizer>>,
    ) -> Result<Self, Error> {
        let names: Vec<&str> = contract.source_columns().map(|column| column.name.as_str()).collect();
        let index_of = |name: &str| names.iter().position(|other| *other == name);
        let wrong = |column: &str, problem: &str| Error::contract(contract, column, problem);
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
        let event_time = match &contract.event_time {
            None => None,
            Some(event_time) => {
                let index = position(&event_time.column)?;
                let past = late_window_days.unwrap_or(event_time.late_window_days);
                let window = window(object.ingest_date, past, event_time.future_tolerance_days)
                    .ok_or_else(|| wrong(&event_time.column, "has a late window that no calendar reaches"))?;
                if let Some(column) = sources.get_mut(index) {
                    column.window = Some(window);
                }
                Some(index)
            }
        };
        let fill = |column: &Column| fill(column, &lookups, &position);
        let key = contract
            .primary_key
            .iter()
            .map(|name| position(name))
            .collect::<Result<_, _>>()?;
        let mut partitions = Vec::new();
        for name in &contract.partition_columns {
            let column = contract.column(name).ok_or_else(|| wrong(name, "is not described"))?;
            partitions.push((name.clone(), fill(column)?));
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
            extra: extra.map(|column| column.rules.max_length.unwrap_or(u32::MAX)),
            contract: Arc::clone(contract),
            object,
            sources,
            key,
            event_time,
            partitions,
            files,
            tokenizer,
            lookups,
        })
    }

    /// Whether the dataset has columns that must not be stored in the clear.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.sources.iter().any(|column| column.protection != Protection::None)
    }
}

/// First instant that is not late, first instant that is too far ahead.
fn window(ingest_date: NaiveDate, past: u32, future: u32) -> Option<(i64, i64)> {
    let first = ingest_date.checked_sub_days(Days::new(past.into()))?;
    let end = ingest_date.checked_add_days(Days::new(u64::from(future) + 1))?;
    let micros = |day: NaiveDate| i64::from(day.to_epoch_days()) * values::MICROS_PER_DAY;
    Some((micros(first), micros(end)))
}

fn fill(column: &Column, lookups: &[Lookup], position: &impl Fn(&str) -> Result<usize, Error>) -> Result<Fill, Error> {
    Ok(match &column.derivation {
        None => Fill::Source(position(&column.name)?),
        Some(Derivation::Lookup { .. }) => Fill::Lookup(
            lookups
                .iter()
                .position(|lookup| lookup.name == column.name)
                .unwrap_or_default(),
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
) -> Result<SourceColumn, Error> {
    let rules = &column.rules;
    let seed = hash_seed(&column.name);
    let by_this: Vec<u16> = (0..)
        .zip(lookups)
        .filter(|(_, lookup)| lookup.from == index)
        .map(|(i, _)| i)
        .collect();
    let wrong = |problem: String| Error::contract(contract, &column.name, &problem);
    let limits_wrong = |text: &str| {
        wrong(format!(
            "the limit or allowed value '{text}' is not of the column's type"
        ))
    };
    let kind = match column.column_type {
        ColumnType::String => text_kind(column, seed, lookups, &by_this),
        ColumnType::Integer { bits } => Kind::Integer(
            bits,
            limits(column, |text| values::integer(text, bits).ok()).map_err(limits_wrong)?,
        ),
        ColumnType::Decimal { precision, scale } => {
            let scale = u8::try_from(scale).map_err(|_| wrong("a negative scale cannot be stored".to_owned()))?;
            let wide = limits(column, |text| values::decimal(text, precision, scale).ok()).map_err(limits_wrong)?;
            if precision > 18 {
                Kind::WideDecimal(precision, scale, wide)
            } else {
                let narrow = |value: &i128| i64::try_from(*value).unwrap_or_default();
                let narrow = Limits {
                    minimum: wide.minimum.as_ref().map(narrow),
                    maximum: wide.maximum.as_ref().map(narrow),
                    allowed: wide.allowed.iter().map(narrow).collect(),
                };
                Kind::Decimal(precision, scale, narrow)
            }
        }
        ColumnType::Double => Kind::Double(limits(column, |text| values::double(text).ok()).map_err(limits_wrong)?),
        ColumnType::Boolean => Kind::Boolean,
        ColumnType::Date => {
            Kind::Date(limits(column, |text| values::date(text.as_bytes()).ok().map(i64::from)).map_err(limits_wrong)?)
        }
        ColumnType::Timestamp => {
            Kind::Timestamp(limits(column, |text| values::timestamp(text.as_bytes()).ok()).map_err(limits_wrong)?)
        }
    };
    let allowed = match kind {
        Kind::Text => rules.allowed.clone(),
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
        allowed,
        window: None,
        lookups: by_this,
    })
}

fn text_kind(column: &Column, seed: u64, lookups: &[Lookup], by_this: &[u16]) -> Kind {
    let rules = &column.rules;
    let plain = column.protection == Protection::None && rules.pattern.is_none();
    let fits = rules.max_length.is_none_or(|length| length >= 36) && by_this.is_empty();
    if plain && fits && rules.format == Some(TextFormat::Uuid) && rules.allowed.is_empty() {
        return Kind::Uuid;
    }
    if !plain || rules.format.is_some() || rules.allowed.is_empty() || rules.allowed.len() > 250 {
        return Kind::Text;
    }
    let word = |text: &String| Word {
        text: text.clone(),
        hash: xxh3_64_with_seed(text.as_bytes(), seed),
        missing_lookups: missing_lookups(text, lookups, by_this).collect(),
    };
    Kind::Code(rules.allowed.iter().map(word).collect())
}

/// Lookups among `by_this` whose column is required and that have no result for a text.
pub fn missing_lookups<'p>(text: &'p str, lookups: &'p [Lookup], by_this: &'p [u16]) -> impl Iterator<Item = u16> + 'p {
    by_this.iter().copied().filter(move |index| {
        lookups
            .get(usize::from(*index))
            .is_some_and(|lookup| lookup.required && !lookup.values.contains_key(text))
    })
}

fn limits<T>(column: &Column, parse: impl Fn(&str) -> Option<T>) -> Result<Limits<T>, &str> {
    let one = |text: &'_ Option<String>| {
        text.as_deref()
            .map(|text| parse(text).ok_or(text.to_owned()))
            .transpose()
    };
    let bound = |text| one(text).map_err(|_| ());
    let rules = &column.rules;
    let minimum = bound(&rules.minimum).map_err(|()| rules.minimum.as_deref().unwrap_or_default())?;
    let maximum = bound(&rules.maximum).map_err(|()| rules.maximum.as_deref().unwrap_or_default())?;
    let allowed = rules.allowed.iter().map(|text| parse(text).ok_or(text.as_str()));
    Ok(Limits {
        minimum,
        maximum,
        allowed: allowed.collect::<Result<_, _>>()?,
    })
}
