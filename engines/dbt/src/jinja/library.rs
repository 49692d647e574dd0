//! Macro library: the macros that a template can reach, as text to prepend to it.
//!
//! In dbt every macro can call every other, in any order of files, and `return()` ends a macro with any value. minijinja
//! supports neither: each `macro foo` is defined as `__macro_foo`, and `foo` is a function that calls it (see
//! [`super::context`]). `{% test name %}` blocks are macros named `test_name`.

use crate::error::ProjectError;
use crate::project::resource::TemplateFile;
use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Prefix of the renamed macros.
const PREFIX: &str = "__macro_";
/// Separates the macros' output, which is discarded, from the template's.
pub(super) const BEGIN: char = '\u{1}';

/// dbt's generic tests.
const BUILTIN_TESTS: &str = include_str!("builtin_tests.sql");
/// dbt's cross-database macros.
const BUILTIN_MACROS: &str = include_str!("builtin_macros.sql");
/// Prefixes that `adapter.dispatch` tries, in order.
pub(super) const DISPATCHED: [&str; 3] = ["redshift__", "postgres__", "default__"];

/// One macro.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Definition {
    file: String,
    /// Line of its first word.
    line: usize,
    /// From `{%` to `%}`, renamed.
    text: String,
}

/// All macros of a project, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct MacroLibrary {
    definitions: BTreeMap<String, Definition>,
}

/// The macros that one template can reach.
#[derive(Debug, Default)]
pub(super) struct Prelude {
    /// Definitions, a call that registers them, then [`BEGIN`].
    pub(super) text: String,
    pub(super) names: Vec<String>,
    /// First line of each definition in `text`, its file and line there.
    segments: Vec<(usize, String, usize)>,
    /// Lines before the template.
    lines: usize,
}

impl Prelude {
    /// Maps a line of prelude and template to file and line; `file` is the template's.
    pub(super) fn origin<'a>(&'a self, file: &'a str, line: usize) -> (&'a str, usize) {
        if line > self.lines {
            return (file, line - self.lines);
        }
        let found = self.segments.iter().rev().find(|(first, ..)| *first <= line);
        found.map_or((file, line), |(first, name, own)| (name, line - first + own))
    }
}

impl MacroLibrary {
    /// From the macro files of a project; a later macro overrides an earlier one of the same name.
    pub(crate) fn new(files: &[TemplateFile]) -> Result<Self, ProjectError> {
        let mut library = Self::default();
        library.add("dbt's own tests", BUILTIN_TESTS)?;
        library.add("dbt's own macros", BUILTIN_MACROS)?;
        for file in files {
            library.add(&file.path, &file.text)?;
        }
        Ok(library)
    }

    /// Whether there is a macro of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// The macros that a template can reach: those whose names occur in it, transitively.
    pub(super) fn prelude(&self, template: &str) -> Prelude {
        let mut reached = BTreeSet::new();
        let mut texts = vec![template];
        while let Some(text) = texts.pop() {
            for (name, definition) in &self.definitions {
                let dispatched = DISPATCHED.iter().find_map(|start| name.strip_prefix(start));
                if text.contains(dispatched.unwrap_or(name)) && reached.insert(name) {
                    texts.push(&definition.text);
                }
            }
        }
        let mut prelude = Prelude::default();
        for name in reached {
            let definition = &self.definitions[name];
            prelude
                .segments
                .push((prelude.lines + 1, definition.file.clone(), definition.line));
            prelude.text.push_str(&definition.text);
            prelude.text.push('\n');
            prelude.lines += definition.text.matches('\n').count() + 1;
            prelude.names.push(name.clone());
        }
        let pairs = prelude.names.iter().map(|name| format!("'{name}': {PREFIX}{name}"));
        let pairs = pairs.collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = write!(prelude.text, "{{{{ __macros({{{pairs}}}) }}}}{BEGIN}");
        prelude
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), ProjectError> {
        let mut scanner = Scanner { file, text, open: None };
        let mut tokens = tokenize(text, false, SyntaxConfig::default());
        let mut next = || match tokens.next() {
            Some(Ok(found)) => Ok(Some(found)),
            Some(Err(error)) => {
                let line = error.line().and_then(|line| u32::try_from(line).ok());
                Err(scanner_error(file, line, error.detail().unwrap_or("cannot be read")))
            }
            None => Ok(None),
        };
        while let Some((token, start)) = next()? {
            if !matches!(token, Token::BlockStart) {
                continue;
            }
            let Some((Token::Ident(keyword), span)) = next()? else {
                continue;
            };
            match keyword {
                "macro" | "test" => {
                    if let Some((Token::Ident(name), name_span)) = next()? {
                        scanner.begin(keyword, name, start, span, name_span);
                    }
                }
                "endmacro" | "endtest" => {
                    if let Some((Token::BlockEnd, end)) = next()?
                        && let Some((name, definition)) = scanner.end(span, end)
                    {
                        self.definitions.insert(name, definition);
                    }
                }
                "materialization" | "snapshot" | "docs" => {
                    let problem = format!("a {keyword} block is not supported among macros");
                    return Err(scanner_error(file, Some(u32::from(span.start_line)), &problem));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn scanner_error(file: &str, line: Option<u32>, problem: &str) -> ProjectError {
    ProjectError {
        file: file.to_owned(),
        line,
        problem: problem.to_owned(),
    }
}

/// Extracts macros from a file.
struct Scanner<'a> {
    file: &'a str,
    text: &'a str,
    /// The open macro: name, line, text so far, offset of the rest.
    open: Option<(String, usize, String, usize)>,
}

impl Scanner<'_> {
    fn begin(&mut self, keyword: &str, name: &str, start: Span, keyword_span: Span, name_span: Span) {
        let called = if keyword == "test" {
            format!("test_{name}")
        } else {
            name.to_owned()
        };
        let opening = self.cut(start.start_offset, keyword_span.start_offset);
        let text = format!("{opening}macro {PREFIX}{called}");
        self.open = Some((
            called,
            usize::from(start.start_line),
            text,
            name_span.end_offset as usize,
        ));
    }

    fn end(&mut self, keyword_span: Span, end: Span) -> Option<(String, Definition)> {
        let (name, line, mut text, from) = self.open.take()?;
        text.push_str(self.text.get(from..keyword_span.start_offset as usize)?);
        text.push_str("endmacro");
        text.push_str(self.cut(keyword_span.end_offset, end.end_offset));
        let definition = Definition {
            file: self.file.to_owned(),
            line,
            text,
        };
        Some((name, definition))
    }

    fn cut(&self, from: u32, to: u32) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }
}
