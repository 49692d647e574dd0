//! Decimal digits of all scripts, as Python reads them.

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// Ranges of characters, in order.
pub(crate) type Ranges = Vec<(char, char)>;

/// Runs of whole sets of ten.
static DECIMALS: LazyLock<Ranges> = LazyLock::new(|| ranges(r"\p{Nd}"));

/// The value of a digit that makes numbers, of whatever script.
pub(crate) fn decimal(character: char) -> Option<u32> {
    character.to_digit(10).or_else(|| {
        let (zero, _) = range(&DECIMALS, character).filter(|_| !character.is_ascii())?;
        Some((u32::from(character) - u32::from(zero)) % 10)
    })
}

/// The ranges of a class of characters.
pub(crate) fn ranges(class: &str) -> Ranges {
    match regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class
            .ranges()
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        _ => Vec::new(),
    }
}

/// The range that holds the character.
pub(crate) fn range(ranges: &[(char, char)], character: char) -> Option<(char, char)> {
    let after = ranges.partition_point(|(start, _)| *start <= character);
    let range = *ranges.get(after.checked_sub(1)?)?;
    (character <= range.1).then_some(range)
}
