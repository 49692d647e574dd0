//! Intrinsic functions: `States.Format('…', $.x)` and its seventeen siblings, parsed once and checked when the
//! definition is loaded.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use sha2::Digest as _;
use thiserror::Error;

use crate::clock::Random;
use crate::context::Context;
use crate::failure::{Failure, INTRINSIC_FAILURE};
use crate::paths::{Path, PathError};

/// How deep calls may be nested.
const MAX_DEPTH: usize = 10;
/// The longest text `Base64Encode`, `Base64Decode` and `Hash` take, in characters.
const MAX_TEXT_CHARACTERS: usize = 10_000;
/// The most items `ArrayRange` gives.
const MAX_RANGE_ITEMS: usize = 1_000;

/// No upper limit for the number of arguments.
const ANY: usize = usize::MAX;

/// An expression that the interpreter refuses when it loads a definition.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum IntrinsicError {
    #[error("the intrinsic function `{0}` is not known")]
    UnknownFunction(String),
    #[error("`{function}` takes {expected} arguments and has {given}")]
    Arguments {
        function: &'static str,
        expected: &'static str,
        given: usize,
    },
    #[error("the expression ends early or has an unexpected character at byte {0}")]
    Syntax(usize),
    #[error("calls are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("the deep merge of `States.JsonMerge` is not supported: its third argument must be false")]
    DeepMerge,
    #[error(transparent)]
    Path(#[from] PathError),
}

/// What a field whose name ends in `.$` holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Path(Path),
    Literal(Value),
    /// A quoted text as written, its escapes not yet taken out: `States.Format` treats them in its own way.
    Text(String),
    Call(Function, Vec<Expression>),
}

macro_rules! functions {
    ($($variant:ident $name:literal $minimum:literal ..= $maximum:tt $text:literal;)*) => {
        /// The functions by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            fn by_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            fn check_arguments(self, given: usize) -> Result<(), IntrinsicError> {
                match self {
                    $(Self::$variant => if ($minimum..=$maximum).contains(&given) { Ok(()) } else {
                        Err(IntrinsicError::Arguments { function: $name, expected: $text, given })
                    },)*
                }
            }
        }
    };
}

functions! {
    Format "States.Format" 1 ..= ANY "one or more";
    StringToJson "States.StringToJson" 1 ..= 1 "1";
    JsonToString "States.JsonToString" 1 ..= 1 "1";
    Array "States.Array" 0 ..= ANY "any number of";
    ArrayPartition "States.ArrayPartition" 2 ..= 2 "2";
    ArrayContains "States.ArrayContains" 2 ..= 2 "2";
    ArrayRange "States.ArrayRange" 3 ..= 3 "3";
    ArrayGetItem "States.ArrayGetItem" 2 ..= 2 "2";
    ArrayLength "States.ArrayLength" 1 ..= 1 "1";
    ArrayUnique "States.ArrayUnique" 1 ..= 1 "1";
    Base64Encode "States.Base64Encode" 1 ..= 1 "1";
    Base64Decode "States.Base64Decode" 1 ..= 1 "1";
    Hash "States.Hash" 2 ..= 2 "2";
    JsonMerge "States.JsonMerge" 3 ..= 3 "3";
    MathRandom "States.MathRandom" 2 ..= 3 "2 or 3";
    MathAdd "States.MathAdd" 2 ..= 2 "2";
    StringSplit "States.StringSplit" 2 ..= 2 "2";
    Uuid "States.UUID" 0 ..= 0 "no";
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

fn call(function: Function, arguments: Vec<Value>, random: &Random) -> Result<Value, String> {
    let mut arguments = arguments.into_iter();
    // The number of arguments was checked when the expression was parsed.
    let mut next = || arguments.next().unwrap_or(Value::Null);
    match function {
        Function::Format => format_template(&text(next())?, arguments),
        Function::StringToJson => match text(next())?.trim() {
            "" => Ok(Value::Null),
            json => serde_json::from_str(json).map_err(|error| format!("the text is not JSON: {error}")),
        },
        Function::JsonToString => Ok(Value::String(next().to_string())),
        Function::Array => Ok(Value::Array(arguments.collect())),
        Function::ArrayPartition => {
            let items = array(next())?;
            let size = usize::try_from(integer(&next())?).ok().filter(|size| *size > 0);
            let size = size.ok_or("the size of a part must be 1 or more")?;
            Ok(Value::Array(
                items.chunks(size).map(|part| Value::Array(part.to_vec())).collect(),
            ))
        }
        Function::ArrayContains => {
            let items = array(next())?;
            Ok(Value::Bool(items.contains(&next())))
        }
        Function::ArrayRange => range(integer(&next())?, integer(&next())?, integer(&next())?),
        Function::ArrayGetItem => {
            let items = array(next())?;
            let index = integer(&next())?;
            let item = usize::try_from(index).ok().and_then(|index| items.get(index));
            item.cloned()
                .ok_or_else(|| format!("there is no item {index} in an array of {}", items.len()))
        }
        Function::ArrayLength => Ok(Value::from(array(next())?.len())),
        Function::ArrayUnique => {
            let mut unique: Vec<Value> = Vec::new();
            for item in array(next())? {
                if !unique.contains(&item) {
                    unique.push(item);
                }
            }
            Ok(Value::Array(unique))
        }
        Function::Base64Encode => Ok(Value::String(STANDARD.encode(limited_text(next())?))),
        Function::Base64Decode => {
            let bytes = STANDARD
                .decode(limited_text(next())?)
                .map_err(|error| format!("not Base64: {error}"))?;
            String::from_utf8(bytes)
                .map(Value::String)
                .map_err(|_| "the bytes are not UTF-8".to_owned())
        }
        Function::Hash => hash(&limited_text(next())?, &text(next())?),
        Function::JsonMerge => {
            let (mut first, second) = (object(next())?, object(next())?);
            if next() != Value::Bool(false) {
                return Err("only the shallow merge is supported: the third argument must be false".to_owned());
            }
            first.extend(second);
            Ok(Value::Object(first))
        }
        Function::MathRandom => {
            let (start, end) = (integer(&next())?, integer(&next())?);
            if start >= end {
                return Err(format!("the start {start} must be below the end {end}"));
            }
            Ok(Value::from(match arguments.next() {
                Some(seed) => Random::new(integer(&seed)?.cast_unsigned()).integer(start, end),
                None => random.integer(start, end),
            }))
        }
        Function::MathAdd => {
            let sum = integer(&next())?.checked_add(integer(&next())?);
            sum.map(Value::from).ok_or_else(|| "the sum is out of range".to_owned())
        }
        Function::StringSplit => {
            let (subject, delimiters) = (text(next())?, text(next())?);
            // Every character of the second argument separates; empty parts are left out.
            let parts = subject
                .split(|c| delimiters.contains(c))
                .filter(|part| !part.is_empty());
            Ok(Value::Array(parts.map(Value::from).collect()))
        }
        Function::Uuid => Ok(Value::String(random.uuid().to_string())),
    }
}

fn format_template(template: &str, mut arguments: impl Iterator<Item = Value>) -> Result<Value, String> {
    let mut result = String::with_capacity(template.len());
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => result.extend(characters.next()),
            '{' if characters.next() == Some('}') => match arguments.next() {
                Some(argument) => push_text(&mut result, &argument),
                None => return Err("there are more `{}` than arguments".to_owned()),
            },
            '{' | '}' => return Err("a brace that is no `{}` must be escaped".to_owned()),
            other => result.push(other),
        }
    }
    match arguments.next() {
        Some(_) => Err("there are more arguments than `{}`".to_owned()),
        None => Ok(Value::String(result)),
    }
}

/// Appends a value the way Step Functions prints it: objects as `{a=1, b=[]}`, nothing in quotes.
fn push_text(result: &mut String, value: &Value) {
    match value {
        Value::String(text) => result.push_str(text),
        Value::Array(items) => {
            result.push('[');
            for (index, item) in items.iter().enumerate() {
                result.push_str(if index == 0 { "" } else { ", " });
                push_text(result, item);
            }
            result.push(']');
        }
        Value::Object(members) => {
            result.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                result.push_str(if index == 0 { "" } else { ", " });
                result.push_str(name);
                result.push('=');
                push_text(result, member);
            }
            result.push('}');
        }
        // Writing into a `String` cannot fail.
        scalar => drop(write!(result, "{scalar}")),
    }
}

fn range(first: i64, last: i64, step: i64) -> Result<Value, String> {
    if step == 0 {
        return Err("the step must not be 0".to_owned());
    }
    let mut items = Vec::new();
    let mut item = first;
    while (step > 0 && item <= last) || (step < 0 && item >= last) {
        if items.len() == MAX_RANGE_ITEMS {
            return Err(format!("the range has more than {MAX_RANGE_ITEMS} items"));
        }
        items.push(Value::from(item));
        let Some(following) = item.checked_add(step) else { break };
        item = following;
    }
    Ok(Value::Array(items))
}

fn hash(data: &str, algorithm: &str) -> Result<Value, String> {
    let data = data.as_bytes();
    let digest = match algorithm {
        "MD5" => hex::encode(md5::Md5::digest(data)),
        "SHA-1" => hex::encode(sha1::Sha1::digest(data)),
        "SHA-256" => hex::encode(sha2::Sha256::digest(data)),
        "SHA-384" => hex::encode(sha2::Sha384::digest(data)),
        "SHA-512" => hex::encode(sha2::Sha512::digest(data)),
        other => return Err(format!("`{other}` is not one of MD5, SHA-1, SHA-256, SHA-384, SHA-512")),
    };
    Ok(Value::String(digest))
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("a string is needed, not {}", kind(&other))),
    }
}

fn limited_text(value: Value) -> Result<String, String> {
    let text = text(value)?;
    if text.chars().count() > MAX_TEXT_CHARACTERS {
        return Err(format!("the text is longer than {MAX_TEXT_CHARACTERS} characters"));
    }
    Ok(text)
}

fn array(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("an array is needed, not {}", kind(&other))),
    }
}

fn object(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("an object is needed, not {}", kind(&other))),
    }
}

/// An integer; a fraction is rounded as Step Functions does it, halves upwards: -1.5 gives -1.
fn integer(value: &Value) -> Result<i64, String> {
    let number = value
        .as_number()
        .ok_or_else(|| format!("a number is needed, not {}", kind(value)))?;
    number
        .as_i64()
        .or_else(|| number.as_f64().and_then(rounded))
        .ok_or_else(|| out_of_range(number))
}

fn rounded(number: f64) -> Option<i64> {
    // Formatting and parsing avoids a cast that could wrap.
    format!("{:.0}", (number + 0.5).floor()).parse().ok()
}

fn out_of_range(number: &Number) -> String {
    format!("{number} is out of range")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
