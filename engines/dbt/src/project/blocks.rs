//! Block parsing: `{% snapshot name %}` in SQL files, `{% docs name %}` in Markdown files. No I/O.

use super::resource::{Resource, ResourceKind, TemplateFile};
use crate::error::ProjectError;
use crate::project_file::ProjectFile;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use std::collections::BTreeMap;

/// A block: its name, its first line (from 1) and its body.
struct Block<'a> {
    name: &'a str,
    line: usize,
    body: &'a str,
}

/// All blocks of a kind, with unrendered bodies.
fn find<'a>(file: &str, text: &'a str, keyword: &str) -> Result<Vec<Block<'a>>, ProjectError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((start, words)) = tag(text, at) {
        at = words.end;
        let mut parts = text[start..words.end]
            .trim_start_matches(['{', '%', '-', '+'])
            .split_whitespace();
        if parts.next() != Some(keyword) {
            continue;
        }
        let line = text[..start].matches('\n').count() + 1;
        let wrong = |problem: String| ProjectError {
            file: file.to_owned(),
            line: u32::try_from(line).ok(),
            problem,
        };
        let name = parts
            .next()
            .filter(|name| name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_'));
        let name = name.ok_or_else(|| wrong(format!("a {keyword} block needs a name")))?;
        let end = format!("end{keyword}");
        let mut inner = at;
        let closing = loop {
            let Some((start, words)) = tag(text, inner) else {
                return Err(wrong(format!("{keyword} {name} has no {end}")));
            };
            inner = words.end;
            let word = text[start..words.end]
                .trim_start_matches(['{', '%', '-', '+'])
                .split_whitespace()
                .next();
            if word.is_some_and(|word| word.trim_end_matches(['-', '+', '%', '}']) == end) {
                break start;
            }
        };
        found.push(Block {
            name: name.trim_end_matches(['-', '+', '%', '}']),
            line,
            body: &text[at..closing],
        });
        at = inner;
    }
    Ok(found)
}

/// The next `{% … %}` at or after an offset.
fn tag(text: &str, from: usize) -> Option<(usize, std::ops::Range<usize>)> {
    let start = from + text.get(from..)?.find("{%")?;
    let end = start + text[start..].find("%}")? + 2;
    Some((start, start..end))
}

/// The snapshots of a file. Blank lines replace the text before a block, so that errors name lines of the file.
pub(super) fn snapshots(file: &ProjectFile, inner: &str) -> Result<Vec<Resource>, ProjectError> {
    let template = TemplateFile::new(file, inner);
    let blocks = find(&file.path, &file.text, "snapshot")?;
    let resource = |block: Block<'_>| {
        let mut fqn = template.fqn.clone();
        fqn.push(block.name.to_owned());
        Resource {
            kind: ResourceKind::Snapshot,
            template: TemplateFile {
                path: file.path.clone(),
                name: block.name.to_owned(),
                fqn,
                text: format!("{}{}", "\n".repeat(block.line - 1), block.body),
            },
        }
    };
    Ok(blocks.into_iter().map(resource).collect())
}

/// The documentation blocks of a Markdown file.
pub(super) fn docs(file: &ProjectFile) -> Result<BTreeMap<String, String>, ProjectError> {
    let blocks = find(&file.path, &file.text, "docs")?;
    let text = |block: Block<'_>| (block.name.to_owned(), block.body.trim().to_owned());
    Ok(blocks.into_iter().map(text).collect())
}

/// Expands `doc(…)` in a description. The error is a message.
pub(super) fn with_docs(description: &str, docs: &BTreeMap<String, String>) -> Result<String, String> {
    if !description.contains("{{") {
        return Ok(description.to_owned());
    }
    let docs = docs.clone();
    let mut environment = Environment::new();
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_function("doc", move |name: String| -> Result<String, Error> {
        docs.get(&name).cloned().ok_or_else(|| {
            let problem = format!("doc('{name}'): no Markdown file has a docs block of this name");
            Error::new(ErrorKind::InvalidOperation, problem)
        })
    });
    let rendered = environment.render_str(description, ());
    rendered.map_err(|error| error.detail().map_or_else(|| error.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ProjectFile {
        ProjectFile::new("snapshots/s.sql", text)
    }

    #[test]
    fn snapshots_are_cut_out_with_their_lines() {
        let text = "-- two\n{% snapshot a %}\nselect {% if x %}1{% endif %}\n{%- endsnapshot %}\n{%- snapshot b -%} select 2 {% endsnapshot -%}";
        let found = snapshots(&file(text), "s.sql").unwrap();
        let texts: Vec<_> = found
            .iter()
            .map(|one| (&*one.template.name, &*one.template.text))
            .collect();
        assert_eq!(
            texts,
            [
                ("a", "\n\nselect {% if x %}1{% endif %}\n"),
                ("b", "\n\n\n\n select 2 ")
            ]
        );
        assert_eq!(found[0].template.fqn, ["s", "a"]);
        let error = snapshots(&file("\n{% snapshot a %} select 1"), "s.sql")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "snapshots/s.sql:2: snapshot a has no endsnapshot");
    }

    #[test]
    fn descriptions_take_in_documentation_blocks() {
        let docs = docs(&file("# Words\n{% docs amount %}\nMoney, *net*.\n{% enddocs %}\n")).unwrap();
        let text = with_docs("Of the day. {{ doc('amount') }}", &docs);
        assert_eq!(text.unwrap(), "Of the day. Money, *net*.");
        let error = with_docs("{{ doc('amuont') }}", &docs).unwrap_err();
        assert!(error.contains("doc('amuont'): no Markdown file"), "{error}");
    }
}
