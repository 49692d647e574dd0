//! The macros of a project, as one piece of template text that goes in front of every template.
//!
//! dbt makes every macro known everywhere, also to macros in files before it, and `return()` ends a macro with any value.
//! A template engine has neither: so each `macro foo` is defined as `__macro_foo`, and `foo` becomes a function that
//! calls it (see [`super::context`]). `{% test name %}` blocks are macros called `test_name`.

use crate::error::ProjectError;
use crate::project::TemplateFile;
use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use std::fmt::Write;

/// What the engine calls a macro.
pub(super) const PREFIX: &str = "__macro_";
/// Stands between the macros' output, which nobody wants, and the template's.
pub(super) const BEGIN: char = '\u{1}';

/// Tests that dbt brings along.
const BUILTIN_TESTS: &str = include_str!("builtin_tests.sql");

/// All macros of a project.
#[derive(Debug, Clone, Default)]
pub(crate) struct MacroLibrary {
    /// Template text: the definitions, then a call that hands them over, then [`BEGIN`].
    pub(super) text: String,
    /// Names, as the project calls them.
    pub(super) names: Vec<String>,
    /// First line of each file in `text`.
    segments: Vec<(usize, String)>,
    /// Lines before the template's own first line.
    lines: usize,
}

impl MacroLibrary {
    /// From the macro files of a project.
    pub(crate) fn new(files: &[TemplateFile]) -> Result<Self, ProjectError> {
        let mut library = Self::default();
        library.add("dbt's own tests", BUILTIN_TESTS)?;
        for file in files {
            library.add(&file.path, &file.text)?;
        }
        let pairs = library.names.iter().map(|name| format!("'{name}': {PREFIX}{name}"));
        let pairs = pairs.collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = write!(library.text, "{{{{ __macros({{{pairs}}}) }}}}{BEGIN}");
        library.lines = library.text.matches('\n').count();
        Ok(library)
    }

    /// Whether there is a macro of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The file and line that a line of the combined text came from; `file` is the template's own.
    pub(super) fn origin<'a>(&'a self, file: &'a str, line: usize) -> (&'a str, usize) {
        if line > self.lines {
            return (file, line - self.lines);
        }
        let found = self.segments.iter().rev().find(|(first, _)| *first <= line);
        found.map_or((file, line), |(first, name)| (name, line - first + 1))
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), ProjectError> {
        let mut rewritten = String::with_capacity(text.len() + 64);
        let mut copied = 0;
        let mut replace = |span: Span, with: &str| {
            let (start, end) = (span.start_offset as usize, span.end_offset as usize);
            rewritten.push_str(text.get(copied..start).unwrap_or_default());
            rewritten.push_str(with);
            copied = end;
        };
        let mut tokens = tokenize(text, false, SyntaxConfig::default());
        let wrong = |line: u16, problem: String| ProjectError {
            file: file.to_owned(),
            line: Some(u32::from(line)),
            problem,
        };
        let mut next = || match tokens.next() {
            Some(Ok(found)) => Ok(Some(found)),
            Some(Err(error)) => Err(wrong(
                u16::try_from(error.line().unwrap_or(1)).unwrap_or(u16::MAX),
                error.detail().unwrap_or("cannot be read").to_owned(),
            )),
            None => Ok(None),
        };
        while let Some((token, _)) = next()? {
            if !matches!(token, Token::BlockStart) {
                continue;
            }
            let Some((Token::Ident(keyword), span)) = next()? else {
                continue;
            };
            match keyword {
                "macro" | "test" => {
                    let Some((Token::Ident(name), name_span)) = next()? else {
                        continue;
                    };
                    let called = if keyword == "test" {
                        replace(span, "macro");
                        format!("test_{name}")
                    } else {
                        name.to_owned()
                    };
                    replace(name_span, &format!("{PREFIX}{called}"));
                    self.names.retain(|known| *known != called);
                    self.names.push(called);
                }
                "endtest" => replace(span, "endmacro"),
                "materialization" | "snapshot" | "docs" => {
                    let problem = format!("{keyword} blocks are not supported");
                    return Err(wrong(span.start_line, problem));
                }
                _ => {}
            }
        }
        rewritten.push_str(text.get(copied..).unwrap_or_default());
        let first = self.text.matches('\n').count() + 1;
        self.segments.push((first, file.to_owned()));
        self.text.push_str(&rewritten);
        self.text.push('\n');
        Ok(())
    }
}
