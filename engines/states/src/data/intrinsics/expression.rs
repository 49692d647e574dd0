//! Paths and calls of intrinsic functions: parsed and checked when the definition is loaded, evaluated in every state.

use serde_json::Value;

use crate::data::context::Context;
use crate::data::intrinsics::error::{IntrinsicError, MAX_DEPTH};
use crate::data::intrinsics::functions::{Function, call};
use crate::data::paths::Path;
use crate::failure::{Failure, INTRINSIC_FAILURE};
use crate::random::Random;

/// What a field whose name ends in `.$` holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Path(Path),
    Literal(Value),
    /// A quoted text as written, its escapes not yet taken out: `States.Format` treats them in its own way.
    Text(String),
    Call(Function, Vec<Expression>),
}

impl Expression {
    /// Parses a path or a call.
    pub(crate) fn parse(text: &str) -> Result<Self, IntrinsicError> {
        if text.starts_with('$') {
            return Ok(Self::Path(Path::parse(text)?));
        }
        let mut parser = Parser { text, at: 0 };
        let expression = parser.argument(0)?;
        parser.skip_blanks();
        match expression {
            Self::Call(..) if parser.at == text.len() => Ok(expression),
            _ => Err(IntrinsicError::Syntax(parser.at.min(text.len()))),
        }
    }

    /// The value of the expression; `field` is named in the error.
    pub(crate) fn evaluate(
        &self,
        input: &Value,
        context: &Context,
        random: &Random,
        field: &str,
    ) -> Result<Value, Failure> {
        match self {
            Self::Path(path) => path.require(input, context, field),
            Self::Literal(value) => Ok(value.clone()),
            Self::Text(raw) => Ok(Value::String(unescape(raw))),
            Self::Call(function, arguments) => {
                let values = arguments
                    .iter()
                    .enumerate()
                    .map(|(position, argument)| match argument {
                        // The template keeps its escapes: an escaped brace is no placeholder.
                        Self::Text(raw) if *function == Function::Format && position == 0 => {
                            Ok(Value::String(raw.clone()))
                        }
                        other => other.evaluate(input, context, random, field),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                call(*function, values, random).map_err(|problem| {
                    Failure::new(
                        INTRINSIC_FAILURE,
                        format!("{} in the field `{field}`: {problem}", function.name()),
                    )
                })
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        if found {
            self.at += character.len_utf8();
        }
        found
    }

    fn argument(&mut self, depth: usize) -> Result<Expression, IntrinsicError> {
        self.skip_blanks();
        if depth > MAX_DEPTH {
            return Err(IntrinsicError::TooDeep);
        }
        match self.rest().chars().next() {
            Some('\'') => self.quoted(),
            Some('$') => self.path(),
            Some(_) => self.word(depth),
            None => Err(IntrinsicError::Syntax(self.at)),
        }
    }

    fn quoted(&mut self) -> Result<Expression, IntrinsicError> {
        let start = self.at + 1;
        let mut escaped = false;
        for (offset, character) in self.text[start..].char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => {
                    self.at = start + offset + 1;
                    return Ok(Expression::Text(self.text[start..start + offset].to_owned()));
                }
                _ => {}
            }
        }
        Err(IntrinsicError::Syntax(self.text.len()))
    }

    /// A path ends at the comma or the parenthesis that is not inside its own brackets or quotes.
    fn path(&mut self) -> Result<Expression, IntrinsicError> {
        let (mut brackets, mut quote, mut escaped) = (0_usize, None, false);
        let mut end = self.text.len();
        for (offset, character) in self.rest().char_indices() {
            match (character, quote) {
                _ if escaped => escaped = false,
                ('\\', Some(_)) => escaped = true,
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                ('\'' | '"', None) if brackets > 0 => quote = Some(character),
                ('[', None) => brackets += 1,
                (']', None) => brackets = brackets.saturating_sub(1),
                (',' | ')', None) if brackets == 0 => {
                    end = self.at + offset;
                    break;
                }
                _ => {}
            }
        }
        let path = Path::parse(self.text[self.at..end].trim_end())?;
        self.at = end;
        Ok(Expression::Path(path))
    }

    /// A call, a number, or one of `true`, `false` and `null`.
    fn word(&mut self, depth: usize) -> Result<Expression, IntrinsicError> {
        let length = self
            .rest()
            .find(['(', ')', ',', '\'', ' '])
            .unwrap_or(self.rest().len());
        let word = self.rest()[..length].to_owned();
        let start = self.at;
        self.at += length;
        if !self.eat('(') {
            return match serde_json::from_str::<Value>(&word) {
                Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => Ok(Expression::Literal(value)),
                _ => Err(IntrinsicError::Syntax(start)),
            };
        }
        let function = Function::by_name(&word).ok_or(IntrinsicError::UnknownFunction(word))?;
        let mut arguments = Vec::new();
        self.skip_blanks();
        if !self.eat(')') {
            loop {
                arguments.push(self.argument(depth + 1)?);
                self.skip_blanks();
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(IntrinsicError::Syntax(self.at));
                }
            }
        }
        function.check_arguments(arguments.len())?;
        if function == Function::JsonMerge && arguments.get(2) == Some(&Expression::Literal(Value::Bool(true))) {
            return Err(IntrinsicError::DeepMerge);
        }
        Ok(Expression::Call(function, arguments))
    }
}

/// Takes the backslash off escaped characters.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}
