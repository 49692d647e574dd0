//! From fields to typed columns: normalisation, every rule of the contract, and the row hash.
//!
//! A batch is read one column at a time. Each reader has a fast way that takes the usual form of a value straight to its
//! type, and a full way that normalises, checks every rule and names those that are broken. The fast way takes a
//! value only where the full way gives the same; it never refuses one. A row that breaks a rule is filled
//! in with anything, noted, and taken out of all columns at the end of the batch.

use crate::batch::{Batch, Field, FieldKind};
use crate::builder::{Pool, Rows, Values};
use crate::plan::{Kind, Limits, Lookup, Plan, SourceColumn, Word, missing_lookups};
use crate::rule::{Problem, Rule, Subject};
use crate::values;
use cardlake_shared::contract::{Normalisation, Protection, TextFormat};
use cardlake_shared::pii::{self, Tokenizer};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Collects what is wrong with the values of one column.
struct Notes<'a> {
    problems: &'a mut Vec<Problem>,
    row: u32,
    subject: Subject,
}

impl Notes<'_> {
    fn add(&mut self, rule: Rule) {
        self.about(self.subject, rule);
    }

    fn about(&mut self, subject: Subject, rule: Rule) {
        self.problems.push(Problem {
            row: self.row,
            subject,
            rule,
        });
    }
}

/// Reads the values of one column.
trait Reader {
    /// How a value is held.
    type Held: Copy + Default;

    /// The usual form of a value, and its share of the row hash; none says nothing.
    fn fast(&mut self, text: &[u8]) -> Option<(Self::Held, u64)>;

    /// Any form: `text` is trimmed and not empty. None when a rule is broken, which is noted then.
    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(Self::Held, u64)>;

    /// What to say of a JSON true or false, if the type has no place for them.
    const BOOLEAN: Option<Rule> = Some(Rule::NotNumber);
}

/// Reads the rows of a batch into columns; rows that break a rule are left out and stay in `batch.problems`, sorted by
/// row.
pub fn read_batch(plan: &Plan, text: &[u8], batch: &mut Batch, block: u32, first_row: usize, rows: &mut Rows) {
    let start = rows.len();
    let count = batch.rows();
    let mut problems = std::mem::take(&mut batch.problems);
    rows.hashes.resize(start + count, 0);
    let first = u64::from(block) << 32 | first_row as u64;
    rows.places.extend(first..first + count as u64);
    let Rows {
        columns, extra, hashes, ..
    } = rows;
    let hashes = hashes.get_mut(start..).unwrap_or_default();
    for (index, (source, column)) in plan.sources.iter().zip(columns).enumerate() {
        let mut pass = Pass {
            text,
            batch,
            index,
            required: source.required,
            subject: Subject::Column(index as u16),
            nulls: &mut column.nulls,
            hashes,
            problems: &mut problems,
        };
        read_column(plan, source, &mut column.values, &mut pass);
    }
    if let (Some(column), Some(max_length)) = (extra, plan.extra) {
        let mut pass = Pass {
            text,
            batch,
            index: batch.extra(),
            required: false,
            subject: Subject::Extra,
            nulls: &mut column.nulls,
            hashes,
            problems: &mut problems,
        };
        if let Values::Text(values, pool) = &mut column.values {
            pass.read(values, &mut ExtraReader { pool, max_length });
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.row);
        let mut keep = vec![true; count];
        for problem in &problems {
            if let Some(keep) = keep.get_mut(problem.row as usize) {
                *keep = false;
            }
        }
        rows.retain(start, &keep);
    }
    batch.problems = problems;
}

fn read_column(plan: &Plan, source: &SourceColumn, values: &mut Values, pass: &mut Pass<'_>) {
    let seed = source.seed;
    match (&source.kind, values) {
        (Kind::Uuid, Values::Uuid(values)) => pass.read(values, &mut UuidReader { seed }),
        (Kind::Code(words), Values::Code(values)) => pass.read(values, &mut CodeReader::new(source, words)),
        (Kind::Text, Values::Text(values, pool)) => {
            let tokenizer = plan.tokenizer.as_deref();
            let lookups = &plan.lookups;
            pass.read(
                values,
                &mut TextReader {
                    source,
                    pool,
                    tokenizer,
                    lookups,
                },
            );
        }
        (Kind::Integer(bits, limits), Values::Long(values)) => {
            let full = |text: &str| values::integer(text, *bits);
            let fast = |text: &[u8]| values::plain_decimal(text, 0).filter(|_| *bits == 64);
            pass.read(
                values,
                &mut LongReader {
                    seed,
                    limits,
                    window: None,
                    fast,
                    full,
                },
            );
        }
        (Kind::Decimal(precision, scale, limits), Values::Long(values)) => {
            let bound = 10_i64.checked_pow(u32::from(*precision)).unwrap_or(i64::MAX);
            pass.read(
                values,
                &mut DecimalReader {
                    seed,
                    limits,
                    precision: *precision,
                    scale: *scale,
                    bound,
                },
            );
        }
        (Kind::WideDecimal(precision, scale, limits), Values::Wide(values)) => {
            pass.read(
                values,
                &mut WideReader {
                    seed,
                    limits,
                    precision: *precision,
                    scale: *scale,
                },
            );
        }
        (Kind::Double(limits), Values::Double(values)) => pass.read(values, &mut DoubleReader { seed, limits }),
        (Kind::Boolean, Values::Boolean(values)) => pass.read(values, &mut BooleanReader::new(seed)),
        (Kind::Date(limits), Values::Long(values)) => {
            let full = |text: &str| values::date(text.as_bytes()).map(i64::from);
            let fast = |text: &[u8]| values::date(text).ok().map(i64::from);
            pass.read(
                values,
                &mut LongReader {
                    seed,
                    limits,
                    window: None,
                    fast,
                    full,
                },
            );
        }
        (Kind::Timestamp(limits), Values::Long(values)) => {
            let full = |text: &str| values::timestamp(text.as_bytes());
            let fast = |text: &[u8]| values::timestamp(text).ok();
            let window = source.window;
            pass.read(
                values,
                &mut LongReader {
                    seed,
                    limits,
                    window,
                    fast,
                    full,
                },
            );
        }
        // Columns are made from the same plan.
        _ => {}
    }
}

/// One column of one batch.
struct Pass<'a> {
    text: &'a [u8],
    batch: &'a Batch,
    index: usize,
    required: bool,
    subject: Subject,
    nulls: &'a mut Vec<bool>,
    hashes: &'a mut [u64],
    problems: &'a mut Vec<Problem>,
}

impl Pass<'_> {
    fn read<R: Reader>(&mut self, values: &mut Vec<R::Held>, reader: &mut R) {
        let start = values.len();
        values.reserve(self.batch.rows());
        let fields = self.batch.fields.iter().skip(self.index).step_by(self.batch.width);
        for (row, (field, hash)) in (0..).zip(fields.zip(self.hashes.iter_mut())) {
            if matches!(field.kind(), FieldKind::Text | FieldKind::Number)
                && let Some((value, share)) = reader.fast(self.batch.bytes(self.text, *field))
            {
                values.push(value);
                *hash = hash.wrapping_add(share);
                continue;
            }
            let mut notes = Notes {
                problems: self.problems,
                row,
                subject: self.subject,
            };
            let read = full(reader, self.batch, self.text, *field, self.required, &mut notes);
            if let Some((value, share)) = read {
                values.push(value);
                *hash = hash.wrapping_add(share);
            } else {
                self.nulls.resize(values.len(), false);
                self.nulls.push(true);
                values.push(R::Held::default());
            }
        }
        if !self.nulls.is_empty() {
            self.nulls.resize(start + self.batch.rows(), false);
        }
    }
}

/// The full way: none is null, or a rule is broken and noted.
#[cold]
fn full<R: Reader>(
    reader: &mut R,
    batch: &Batch,
    text: &[u8],
    field: Field,
    required: bool,
    notes: &mut Notes<'_>,
) -> Option<(R::Held, u64)> {
    match (field.kind(), R::BOOLEAN) {
        (FieldKind::Unreadable, _) => return None,
        (FieldKind::Nested, _) => {
            notes.add(Rule::Nested);
            return None;
        }
        (FieldKind::Boolean, Some(rule)) => {
            notes.add(rule);
            return None;
        }
        _ => {}
    }
    // Rows that are not UTF-8 are unreadable.
    let text = std::str::from_utf8(batch.bytes(text, field)).unwrap_or_default().trim();
    if text.is_empty() {
        if required {
            notes.add(Rule::Required);
        }
        return None;
    }
    reader.full(text, notes)
}

struct UuidReader {
    seed: u64,
}

impl Reader for UuidReader {
    type Held = u128;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u128, u64)> {
        let value = values::uuid(text)?;
        Some((value, xxh3_64_with_seed(&value.to_be_bytes(), self.seed)))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u128, u64)> {
        let read = self.fast(text.as_bytes());
        if read.is_none() {
            notes.add(if text.contains('\0') {
                Rule::NulByte
            } else {
                Rule::NotUuid
            });
        }
        read
    }
}

/// A text of at most eight bytes as a number; with its length it stands for the text.
#[inline]
fn pack(text: &[u8]) -> u64 {
    match *text {
        [a, b, c, d, ref rest @ ..] => {
            let low = u64::from(u32::from_le_bytes([a, b, c, d]));
            match *rest {
                [] => low,
                [.., e, f, g, h] => low | u64::from(u32::from_le_bytes([e, f, g, h])) << 32,
                [e] => low | u64::from(e) << 32,
                [e, f] => low | u64::from(u16::from_le_bytes([e, f])) << 32,
                [e, f, g] => low | u64::from(u32::from_le_bytes([e, f, g, 0])) << 32,
            }
        }
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
    }
}

struct CodeReader<'p> {
    source: &'p SourceColumn,
    words: &'p [Word],
    /// Packed text, length and hash of the words of up to eight bytes that are wanted as they are, by code.
    packed: Vec<(u64, usize, u8, u64)>,
}

impl<'p> CodeReader<'p> {
    fn new(source: &'p SourceColumn, words: &'p [Word]) -> Self {
        let packed = (0..).zip(words).filter(|(_, word)| {
            let text = word.text.as_str();
            text.len() <= 8
                && !text.is_empty()
                && word.missing_lookups.is_empty()
                && normalise(source.normalisation, text) == text
                && source.max_length.is_none_or(|length| text.len() <= length as usize)
        });
        Self {
            source,
            words,
            packed: packed
                .map(|(code, word)| (pack(word.text.as_bytes()), word.text.len(), code, word.hash))
                .collect(),
        }
    }
}

impl Reader for CodeReader<'_> {
    type Held = u8;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u8, u64)> {
        if text.len() > 8 {
            return None;
        }
        let wanted = pack(text);
        let found = self
            .packed
            .iter()
            .find(|(packed, length, ..)| *packed == wanted && *length == text.len());
        found.map(|(.., code, hash)| (*code, *hash))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u8, u64)> {
        let text = normalise(self.source.normalisation, text);
        let before = notes.problems.len();
        if text.contains('\0') {
            notes.add(Rule::NulByte);
        }
        if self
            .source
            .max_length
            .is_some_and(|length| text.len() > length as usize)
        {
            notes.add(Rule::TooLong);
        }
        let found = (0..).zip(self.words).find(|(_, word)| word.text == text);
        match found {
            None => notes.add(Rule::NotAllowed),
            Some((_, word)) => word
                .missing_lookups
                .iter()
                .for_each(|lookup| notes.about(Subject::Lookup(*lookup), Rule::Required)),
        }
        found
            .filter(|_| notes.problems.len() == before)
            .map(|(code, word)| (code, word.hash))
    }
}

struct TextReader<'p> {
    source: &'p SourceColumn,
    /// Holds values that keep all rules, in the form of silver: what is found here needs no other look.
    pool: &'p mut Pool,
    tokenizer: Option<&'p Tokenizer>,
    lookups: &'p [Lookup],
}

impl Reader for TextReader<'_> {
    type Held = u32;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u32, u64)> {
        // A token in the input is no reason to take it for a value that was seen.
        (self.source.protection == Protection::None)
            .then(|| self.pool.find(text))
            .flatten()
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u32, u64)> {
        let before = notes.problems.len();
        let text = text_value(self.source, text, notes);
        for lookup in missing_lookups(&text, self.lookups, &self.source.lookups) {
            notes.about(Subject::Lookup(lookup), Rule::Required);
        }
        let digits = match self.source.protection {
            Protection::CardNumber => card_number(&text, notes),
            _ => None,
        };
        if notes.problems.len() > before {
            return None;
        }
        match (self.source.protection, self.tokenizer) {
            (Protection::None, _) => Some(self.pool.intern(text.as_bytes())),
            (Protection::Token, Some(tokenizer)) => Some(self.pool.intern(tokenizer.token(&text).as_bytes())),
            (Protection::CardNumber, Some(tokenizer)) => {
                let digits = digits?;
                let last_four = pii::last_four(&digits)?.as_bytes().try_into().ok()?;
                Some(self.pool.intern_card(tokenizer.token(&digits).as_bytes(), last_four))
            }
            // A plan with protected columns has a tokenizer.
            (_, None) => None,
        }
    }
}

fn card_number(text: &str, notes: &mut Notes<'_>) -> Option<String> {
    let Some(digits) = pii::card_digits(text) else {
        notes.add(Rule::NotCardNumber);
        return None;
    };
    if !pii::luhn_is_valid(&digits) {
        notes.add(Rule::Luhn);
    }
    Some(digits)
}

/// Text in the form of silver; broken rules are noted.
fn text_value<'t>(source: &SourceColumn, text: &'t str, notes: &mut Notes<'_>) -> Cow<'t, str> {
    let mut text = normalise(source.normalisation, text);
    if text.contains('\0') {
        notes.add(Rule::NulByte);
    }
    match source.format {
        None => {}
        Some(TextFormat::Email) if values::is_email(&text) => {}
        Some(TextFormat::Email) => notes.add(Rule::NotEmail),
        Some(TextFormat::Uuid) if values::uuid(text.as_bytes()).is_some() => {
            text = Cow::Owned(text.to_ascii_lowercase());
        }
        Some(TextFormat::Uuid) => notes.add(Rule::NotUuid),
    }
    if source.pattern.as_ref().is_some_and(|pattern| !pattern.matches(&text)) {
        notes.add(Rule::Pattern);
    }
    if source.max_length.is_some_and(|length| text.len() > length as usize) {
        notes.add(Rule::TooLong);
    }
    if !source.allowed.is_empty() && !source.allowed.iter().any(|allowed| *allowed == text) {
        notes.add(Rule::NotAllowed);
    }
    text
}

fn normalise(normalisation: Normalisation, text: &str) -> Cow<'_, str> {
    let is_plain = |wrong_case: fn(&u8) -> bool| text.is_ascii() && !text.as_bytes().iter().any(wrong_case);
    match normalisation {
        Normalisation::Lower if !is_plain(u8::is_ascii_uppercase) => Cow::Owned(text.to_lowercase()),
        Normalisation::Upper if !is_plain(u8::is_ascii_lowercase) => Cow::Owned(text.to_uppercase()),
        _ => Cow::Borrowed(text),
    }
}

struct ExtraReader<'p> {
    pool: &'p mut Pool,
    max_length: u32,
}

impl Reader for ExtraReader<'_> {
    type Held = u32;

    #[inline]
    fn fast(&mut self, _: &[u8]) -> Option<(u32, u64)> {
        None
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u32, u64)> {
        if text.len() > self.max_length as usize {
            notes.add(Rule::TooLong);
            return None;
        }
        Some(self.pool.intern(text.as_bytes()))
    }
}

/// Everything that is held as 64 bits and hashed as such: whole numbers, days, instants.
struct LongReader<'p, Fast, Full> {
    seed: u64,
    limits: &'p Limits<i64>,
    window: Option<(i64, i64)>,
    fast: Fast,
    full: Full,
}

impl<Fast, Full> LongReader<'_, Fast, Full> {
    #[inline]
    fn hash(&self, value: i64) -> u64 {
        xxh3_64_with_seed(&value.to_le_bytes(), self.seed)
    }
}

impl<Fast, Full> Reader for LongReader<'_, Fast, Full>
where
    Fast: Fn(&[u8]) -> Option<i64>,
    Full: Fn(&str) -> Result<i64, Rule>,
{
    type Held = i64;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(i64, u64)> {
        let value = (self.fast)(text)?;
        let inside = self.window.is_none_or(|(start, end)| (start..end).contains(&value));
        (inside && self.limits.hold(&value)).then(|| (value, self.hash(value)))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(i64, u64)> {
        let before = notes.problems.len();
        let value = (self.full)(text).map_err(|rule| notes.add(rule)).ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        match self.window {
            Some((start, _)) if value < start => notes.add(Rule::Late),
            Some((_, end)) if value >= end => notes.add(Rule::Future),
            _ => {}
        }
        (notes.problems.len() == before).then(|| (value, self.hash(value)))
    }
}

struct DecimalReader<'p> {
    seed: u64,
    limits: &'p Limits<i64>,
    precision: u8,
    scale: u8,
    /// First value with too many digits.
    bound: i64,
}

/// Decimals are hashed as 128 bits whatever their width, so that a wider column leaves hashes as they are.
#[inline]
fn decimal_hash(value: i128, seed: u64) -> u64 {
    xxh3_64_with_seed(&value.to_le_bytes(), seed)
}

impl Reader for DecimalReader<'_> {
    type Held = i64;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(i64, u64)> {
        let value = values::plain_decimal(text, usize::from(self.scale))?;
        let fits = value < self.bound && value > -self.bound;
        (fits && self.limits.hold(&value)).then(|| (value, decimal_hash(value.into(), self.seed)))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(i64, u64)> {
        let before = notes.problems.len();
        let value = values::decimal(text, self.precision, self.scale)
            .and_then(|value| i64::try_from(value).map_err(|_| Rule::Range))
            .map_err(|rule| notes.add(rule))
            .ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        (notes.problems.len() == before).then(|| (value, decimal_hash(value.into(), self.seed)))
    }
}

struct WideReader<'p> {
    seed: u64,
    limits: &'p Limits<i128>,
    precision: u8,
    scale: u8,
}

impl Reader for WideReader<'_> {
    type Held = i128;

    fn fast(&mut self, _: &[u8]) -> Option<(i128, u64)> {
        None
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(i128, u64)> {
        let before = notes.problems.len();
        let value = values::decimal(text, self.precision, self.scale)
            .map_err(|rule| notes.add(rule))
            .ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        (notes.problems.len() == before).then(|| (value, decimal_hash(value, self.seed)))
    }
}

struct DoubleReader<'p> {
    seed: u64,
    limits: &'p Limits<f64>,
}

impl Reader for DoubleReader<'_> {
    type Held = f64;

    fn fast(&mut self, _: &[u8]) -> Option<(f64, u64)> {
        None
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(f64, u64)> {
        let before = notes.problems.len();
        let value = values::double(text).map_err(|rule| notes.add(rule)).ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        let hash = xxh3_64_with_seed(&value.to_bits().to_le_bytes(), self.seed);
        (notes.problems.len() == before).then_some((value, hash))
    }
}

struct BooleanReader {
    /// Hash of false, hash of true.
    hashes: [u64; 2],
}

impl BooleanReader {
    fn new(seed: u64) -> Self {
        Self {
            hashes: [0, 1].map(|value| xxh3_64_with_seed(&[value], seed)),
        }
    }
}

impl Reader for BooleanReader {
    type Held = bool;
    const BOOLEAN: Option<Rule> = None;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(bool, u64)> {
        let value = values::boolean(text)?;
        Some((value, self.hashes[usize::from(value)]))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(bool, u64)> {
        let read = self.fast(text.as_bytes());
        if read.is_none() {
            notes.add(Rule::NotBoolean);
        }
        read
    }
}
