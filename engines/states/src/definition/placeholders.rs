//! `${name}` placeholders, as Terraform's `templatefile` fills them.

use std::collections::BTreeMap;

use crate::definition::error::DefinitionError;

/// Replaces every placeholder of `text`.
pub(crate) fn substitute(text: &str, values: &BTreeMap<String, String>) -> Result<String, DefinitionError> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        let (before, tail) = rest.split_at(at);
        result.push_str(before);
        rest = if let Some(tail) = tail.strip_prefix("$${") {
            result.push_str("${");
            tail
        } else if let Some(tail) = tail.strip_prefix("%%{") {
            result.push_str("%{");
            tail
        } else if tail.starts_with("%{") {
            return Err(DefinitionError::Directive);
        } else if let Some((name, tail)) = tail.strip_prefix("${").and_then(|tail| tail.split_once('}')) {
            let name = name.trim();
            result.push_str(
                values
                    .get(name)
                    .ok_or_else(|| DefinitionError::Placeholder(name.to_owned()))?,
            );
            tail
        } else {
            result.push_str(&tail[..1]);
            &tail[1..]
        };
    }
    result.push_str(rest);
    Ok(result)
}
