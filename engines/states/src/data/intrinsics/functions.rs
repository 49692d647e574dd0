//! The eighteen intrinsic functions: `States.Format`, `States.ArrayRange`, ...

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use sha2::Digest as _;

use crate::data::intrinsics::error::IntrinsicError;
use crate::random::Random;

/// The longest text `Base64Encode`, `Base64Decode` and `Hash` take, in characters.
const MAX_TEXT_CHARACTERS: usize = 10_000;
/// The most items `ArrayRange` gives.
const MAX_RANGE_ITEMS: usize = 1_000;

/// No upper limit for the number of arguments.
const ANY: usize = usize::MAX;

macro_rules! functions {
    ($($variant:ident $name:literal $minimum:literal ..= $maximum:tt $text:literal;)*) => {
        /// The functions by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            pub(crate) fn by_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub(crate) fn check_arguments(self, given: usize) -> Result<(), IntrinsicError> {
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

/// Calls a function. The error is the explanation, for people.
pub(crate) fn call(function: Function, arguments: Vec<Value>, random: &Random) -> Result<Value, String> {
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
