//! Which fields must not be stored in the clear.

use crate::plan::{SourceColumn, TransformPlan};
use crate::values::is_email;
use cardlake_core::contract::Protection;
use cardlake_core::pii::mask_card_numbers;
use std::borrow::Cow;

/// Decides which fields of a dataset are masked.
#[derive(Debug, Clone, Default)]
pub(crate) struct MaskPolicy {
    /// Normalised names of the protected columns.
    names: Vec<String>,
}

impl MaskPolicy {
    /// Creates the policy for the columns of a plan.
    pub(crate) fn new(plan: &TransformPlan) -> Self {
        let is_protected = |source: &&SourceColumn| source.protection != Protection::None;
        Self {
            names: plan
                .sources
                .iter()
                .filter(is_protected)
                .map(|source| normalised(&source.name))
                .collect(),
        }
    }

    /// Whether a field has the name of a protected column, ignoring case and punctuation: `Card-Number`.
    pub(crate) fn masks_name(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.contains(&normalised(name))
    }

    /// Whether the name of an unknown field is data itself: a card number, or an e-mail address in a row that took the place of
    /// a header.
    pub(crate) fn hides_name(&self, name: &str) -> bool {
        let is_data = || is_email(name) || matches!(mask_card_numbers(name), Cow::Owned(_));
        !self.names.is_empty() && is_data()
    }

    /// Whether the value of an unknown field is masked. Otherwise a renamed column would store personal data in the clear.
    pub(crate) fn masks(&self, name: &str, value: &str) -> bool {
        self.masks_name(name) || (!self.names.is_empty() && matches!(mask_card_numbers(value), Cow::Owned(_)))
    }
}

fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
