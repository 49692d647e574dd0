//! The interface of the column readers.

use crate::invariant::BrokenInvariant;
use crate::rule::{Problem, Rule, Subject};

/// Records the rules that a value violates.
pub(super) struct ProblemRecorder<'a> {
    pub(super) problems: &'a mut Vec<Problem>,
    pub(super) row: u32,
    pub(super) subject: Subject,
}

impl ProblemRecorder<'_> {
    /// Records a violation of the column.
    pub(super) fn record(&mut self, rule: Rule) {
        self.record_for(self.subject, rule);
    }

    /// Records a violation of another subject of the row.
    pub(super) fn record_for(&mut self, subject: Subject, rule: Rule) {
        self.problems.push(Problem {
            row: self.row,
            subject,
            rule,
        });
    }
}

/// A stored value and its contribution to the row hash; `None` if a rule is violated, which is recorded.
pub(super) type ReadResult<Stored> = Result<Option<(Stored, u64)>, BrokenInvariant>;

/// Reads the values of one column.
pub(super) trait ValueReader {
    /// Type of a stored value.
    type Stored: Copy + Default;

    /// Rule that a JSON boolean violates, or `None` if the type accepts it.
    const BOOLEAN: Option<Rule> = Some(Rule::NotNumber);

    /// Fast path for common values; `None` leaves the value to [`Self::full`].
    fn fast(&mut self, text: &[u8]) -> Option<(Self::Stored, u64)>;

    /// Reads any value; `text` is trimmed and not empty.
    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<Self::Stored>;

    /// Whether the trimmed text is read as null.
    fn is_null(&self, _text: &str) -> bool {
        false
    }
}

/// A reader of a column with texts that are read as null.
pub(super) struct NullableReader<'a, R> {
    pub(super) nulls: &'a [String],
    pub(super) reader: &'a mut R,
}

impl<R: ValueReader> ValueReader for NullableReader<'_, R> {
    type Stored = R::Stored;
    const BOOLEAN: Option<Rule> = R::BOOLEAN;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(R::Stored, u64)> {
        let is_null = self.nulls.iter().any(|null| null.as_bytes() == text);
        if is_null { None } else { self.reader.fast(text) }
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<R::Stored> {
        self.reader.full(text, problems)
    }

    fn is_null(&self, text: &str) -> bool {
        self.nulls.iter().any(|null| null == text)
    }
}
