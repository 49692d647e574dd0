//! JSON Schema, drafts 4 to 2020-12, with the verdicts of the `jsonschema` of Python: the draft is that of `$schema`, by
//! default the newest; `format` asserts nothing; regular expressions are Python's; 1.0 is an integer from draft 6.
//!
//! References within the schema are followed, others refused: nothing is ever fetched.

mod document;
mod evaluate;
mod evaluated;
mod keywords;
mod uri;

pub(crate) use evaluate::Unjudged;

use crate::json::read;
use document::Document;
use serde_json::{Map, Value};

/// A schema, checked, with its references resolved.
pub(crate) struct Schema(Document);

impl Schema {
    /// Checks a schema.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn new(schema: &Map<String, Value>) -> Result<Self, String> {
        Document::new(schema).map(Self)
    }

    /// Whether a text is JSON that the schema allows.
    ///
    /// # Errors
    /// The text is no JSON, or there is no verdict on it.
    pub(crate) fn allows(&self, text: &str) -> Result<bool, Unjudged> {
        evaluate::allows(&self.0, &read(text)?)
    }
}

#[cfg(test)]
mod tests;
