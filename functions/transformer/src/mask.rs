//! Which fields must not be stored in the clear.

use crate::plan::{SourceColumn, TransformPlan};
use cardlake_core::contract::{OnPersonalData, Protection};
use cardlake_core::pii::{json_has_personal_data, mask_personal_data, names_personal_data};
use std::borrow::Cow;

/// Decides which fields of a dataset are masked.
#[derive(Debug, Clone, Default)]
pub(crate) struct MaskPolicy {
    /// Normalised names of the protected columns.
    names: Vec<String>,
    /// Whether personal data is looked for: unless the contract allows it, and in a dataset with protected columns in any case.
    finds: bool,
}

impl MaskPolicy {
    /// Creates the policy for the columns of a plan.
    pub(crate) fn new(plan: &TransformPlan) -> Self {
        let is_protected = |source: &&SourceColumn| source.protection != Protection::None;
        let protected = plan.sources.iter().filter(is_protected);
        let names: Vec<String> = protected.map(|source| normalised(&source.name)).collect();
        Self {
            finds: plan.contract.on_personal_data != OnPersonalData::Allow || !names.is_empty(),
            names,
        }
    }

    /// Whether a field has the name of a protected column, ignoring case and punctuation: `Card-Number`.
    pub(crate) fn masks_name(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.contains(&normalised(name))
    }

    /// Whether the name of an unknown field is data itself: a card number, or an e-mail address in a row that took the place of
    /// a header.
    pub(crate) fn hides_name(&self, name: &str) -> bool {
        self.masks_text(name)
    }

    /// Whether an unknown field is masked whatever its value is. Otherwise a renamed column would store personal data in the clear.
    pub(crate) fn masks_unknown(&self, name: &str) -> bool {
        self.masks_name(name) || (self.finds && names_personal_data(name))
    }

    /// Whether the text of an unknown field is masked.
    pub(crate) fn masks_text(&self, text: &str) -> bool {
        self.finds && matches!(mask_personal_data(text), Cow::Owned(_))
    }

    /// Whether the value of an unknown field, as JSON, is masked.
    pub(crate) fn masks_json(&self, json: &str) -> bool {
        self.finds && json_has_personal_data(json)
    }

    /// A text for people, with what is personal masked.
    pub(crate) fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.finds {
            mask_personal_data(text)
        } else {
            cardlake_core::pii::mask_card_numbers(text)
        }
    }
}

fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
