//! The query language of pandas, as far as row conditions use it, read into a tree.

use serde_json::{Number, Value};

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Column(String),
    /// A text, number, truth value, null or a list of those.
    Literal(Value),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    /// `a < b <= c`: what comes first, then each operator with what it compares to.
    Comparison(Box<Expression>, Vec<(Operator, Expression)>),
    /// Two numbers and what is done with them: `+`, `-`, `*`, `/`, `//`, `%`, `**`.
    Arithmetic(&'static str, Box<Expression>, Box<Expression>),
    Negative(Box<Expression>),
    /// A function or method, `str.` and `dt.` included, of a value, and its arguments, of which some have names.
    Call(String, Box<Expression>, Vec<(Option<String>, Value)>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

const OPERATORS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in", Operator::In),
];

/// Functions of one number.
pub(super) const FUNCTIONS: [&str; 4] = ["abs", "ceil", "floor", "sqrt"];

/// Deepest nesting of brackets and signs.
const DEEPEST: usize = 64;

/// Reads a text.
///
/// # Errors
/// The rest of the text, where it is not understood.
pub(super) fn parse(text: &str) -> Result<Expression, &str> {
    let mut parser = Parser {
        rest: text.trim(),
        depth: 0,
    };
    match parser.any() {
        Some(expression) if parser.rest.is_empty() => Ok(expression),
        _ => Err(parser.rest),
    }
}

/// Recursive-descent parser; `rest` is the unread text.
struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Consumes a symbol or a word if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else {
            return false;
        };
        let is_word = token.ends_with(|last: char| last.is_alphanumeric());
        if is_word && rest.starts_with(|next: char| next.is_alphanumeric() || next == '_') {
            return false;
        }
        self.rest = rest.trim_start();
        true
    }

    fn joined(
        &mut self,
        tokens: [&str; 2],
        join: fn(Vec<Expression>) -> Expression,
        part: fn(&mut Self) -> Option<Expression>,
    ) -> Option<Expression> {
        let mut parts = vec![part(self)?];
        while self.take(tokens[0]) || self.take(tokens[1]) {
            parts.push(part(self)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
    }

    fn any(&mut self) -> Option<Expression> {
        self.joined(["or", "|"], Expression::Any, Self::all)
    }

    fn all(&mut self) -> Option<Expression> {
        self.joined(["and", "&"], Expression::All, Self::not)
    }

    fn not(&mut self) -> Option<Expression> {
        if self.take("not") {
            return self.deeper(|parser| Some(Expression::Not(Box::new(parser.not()?))));
        }
        self.comparison()
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Option<Expression>) -> Option<Expression> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let expression = read(self);
        self.depth -= 1;
        expression
    }

    fn comparison(&mut self) -> Option<Expression> {
        let first = self.sum()?;
        let mut compared = Vec::new();
        loop {
            let operator = if self.take("not in") {
                Operator::NotIn
            } else if let Some((_, operator)) = OPERATORS.into_iter().find(|(token, _)| self.take(token)) {
                operator
            } else {
                break;
            };
            compared.push((operator, self.sum()?));
        }
        Some(if compared.is_empty() {
            first
        } else {
            Expression::Comparison(Box::new(first), compared)
        })
    }

    fn sum(&mut self) -> Option<Expression> {
        self.arithmetic(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Option<Expression> {
        self.arithmetic(&["//", "/", "%", "*"], Self::signed)
    }

    fn arithmetic(
        &mut self,
        operators: &[&'static str],
        part: fn(&mut Self) -> Option<Expression>,
    ) -> Option<Expression> {
        let mut value = part(self)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            value = Expression::Arithmetic(operator, Box::new(value), Box::new(part(self)?));
        }
        Some(value)
    }

    fn signed(&mut self) -> Option<Expression> {
        if self.take("-") {
            return self.deeper(|parser| {
                Some(match parser.signed()? {
                    Expression::Literal(Value::Number(number)) => Expression::Literal(negative(&number)?),
                    other => Expression::Negative(Box::new(other)),
                })
            });
        }
        if self.take("+") {
            return self.deeper(Self::signed);
        }
        if self.take("~") {
            return self.deeper(|parser| Some(Expression::Not(Box::new(parser.signed()?))));
        }
        let base = self.called()?;
        if self.take("**") {
            return self.deeper(|parser| {
                let power = parser.signed()?;
                Some(Expression::Arithmetic("**", Box::new(base), Box::new(power)))
            });
        }
        Some(base)
    }

    /// A value and the methods that are called on it.
    fn called(&mut self) -> Option<Expression> {
        let mut value = self.atom()?;
        while self.rest.starts_with('.') {
            self.take(".");
            let mut name = self.name()?.to_owned();
            if matches!(name.as_str(), "str" | "dt") {
                if !self.take(".") {
                    return None;
                }
                name = format!("{name}.{}", self.name()?);
            }
            // Parts of a date are no calls.
            let arguments = if self.take("(") { self.arguments()? } else { Vec::new() };
            value = Expression::Call(name, Box::new(value), arguments);
        }
        Some(value)
    }

    fn arguments(&mut self) -> Option<Vec<(Option<String>, Value)>> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            let before = self.rest;
            let named = self
                .name()
                .filter(|_| self.rest.starts_with('=') && !self.rest.starts_with("=="));
            let name = named.map(str::to_owned);
            if name.is_some() {
                self.take("=");
            } else {
                self.rest = before;
            }
            match self.sum()? {
                Expression::Literal(value) => arguments.push((name, value)),
                _ => return None,
            }
            if !self.take(",") && !self.rest.starts_with(')') {
                return None;
            }
        }
        Some(arguments)
    }

    fn atom(&mut self) -> Option<Expression> {
        if self.take("(") {
            return self.deeper(|parser| {
                let inner = parser.any()?;
                if parser.rest.starts_with(',') {
                    return parser.list(inner, ")");
                }
                parser.take(")").then_some(inner)
            });
        }
        if self.take("[") {
            return self.deeper(|parser| {
                if parser.take("]") {
                    return Some(Expression::Literal(Value::Array(Vec::new())));
                }
                let first = parser.sum()?;
                parser.list(first, "]")
            });
        }
        if self.rest.starts_with(['"', '\'']) || self.rest.starts_with("r\"") || self.rest.starts_with("r'") {
            return self.text().map(|text| Expression::Literal(Value::String(text)));
        }
        if self.rest.starts_with(|next: char| next.is_ascii_digit() || next == '.') {
            return self.number().map(|number| Expression::Literal(Value::Number(number)));
        }
        if let Some(rest) = self.rest.strip_prefix('`') {
            let (name, rest) = rest.split_once('`')?;
            self.rest = rest.trim_start();
            return Some(Expression::Column(name.to_owned()));
        }
        let words = [
            ("True", Value::Bool(true)),
            ("true", Value::Bool(true)),
            ("False", Value::Bool(false)),
            ("false", Value::Bool(false)),
            ("None", Value::Null),
        ];
        if let Some((_, value)) = words.into_iter().find(|(word, _)| self.take(word)) {
            return Some(Expression::Literal(value));
        }
        let name = self.name()?;
        if matches!(name, "and" | "or" | "not" | "in" | "is") {
            return None;
        }
        if self.take("(") {
            if name == "col" {
                let column = self.text()?;
                return self.take(")").then_some(Expression::Column(column));
            }
            FUNCTIONS.contains(&name).then_some(())?;
            return self.deeper(|parser| {
                let of = parser.sum()?;
                let call = Expression::Call(name.to_owned(), Box::new(of), Vec::new());
                parser.take(")").then_some(call)
            });
        }
        Some(Expression::Column(name.to_owned()))
    }

    /// The rest of a list of literals.
    fn list(&mut self, first: Expression, close: &str) -> Option<Expression> {
        let literal = |expression| match expression {
            Expression::Literal(value) => Some(value),
            _ => None,
        };
        let mut items = vec![literal(first)?];
        while !self.take(close) {
            if !self.take(",") {
                return None;
            }
            if !self.rest.starts_with(close) {
                items.push(literal(self.sum()?)?);
            }
        }
        Some(Expression::Literal(Value::Array(items)))
    }

    fn name(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|next: char| !next.is_alphanumeric() && next != '_')
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|first: char| first.is_numeric()) {
            return None;
        }
        self.rest = rest.trim_start();
        Some(name)
    }

    fn number(&mut self) -> Option<Number> {
        let mut end = 0;
        let mut before = ' ';
        for (place, next) in self.rest.char_indices() {
            let is_sign = matches!(next, '+' | '-') && matches!(before, 'e' | 'E');
            if !next.is_ascii_alphanumeric() && !matches!(next, '.' | '_') && !is_sign {
                break;
            }
            end = place + 1;
            before = next;
        }
        let (digits, rest) = self.rest.split_at(end);
        let digits = digits.replace('_', "");
        let whole = digits.parse::<u64>().map(Number::from).ok();
        let number = whole.or_else(|| {
            let starts = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
            digits.parse::<f64>().ok().filter(|_| starts).and_then(Number::from_f64)
        })?;
        self.rest = rest.trim_start();
        Some(number)
    }

    /// A text in quotes, with the escapes of Python.
    fn text(&mut self) -> Option<String> {
        let raw = self.rest.starts_with('r');
        let mut characters = self.rest[usize::from(raw)..].chars();
        let quote = characters.next().filter(|quote| matches!(quote, '"' | '\''))?;
        let mut text = String::new();
        loop {
            match characters.next()? {
                end if end == quote => break,
                '\\' if raw => text.extend(['\\', characters.next()?]),
                '\\' => match characters.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'a' => text.push('\x07'),
                    'b' => text.push('\x08'),
                    'f' => text.push('\x0c'),
                    'v' => text.push('\x0b'),
                    same @ ('\\' | '\'' | '"') => text.push(same),
                    '\n' => {}
                    'x' => text.push(code(&mut characters, 2)?),
                    'u' => text.push(code(&mut characters, 4)?),
                    'U' => text.push(code(&mut characters, 8)?),
                    digit @ '0'..='7' => {
                        let mut value = digit.to_digit(8)?;
                        for _ in 0..2 {
                            let mut ahead = characters.clone();
                            let Some(next) = ahead.next().and_then(|next| next.to_digit(8)) else {
                                break;
                            };
                            value = value * 8 + next;
                            characters = ahead;
                        }
                        text.push(char::from_u32(value)?);
                    }
                    // Python keeps a backslash that escapes nothing.
                    other => text.extend(['\\', other]),
                },
                other => text.push(other),
            }
        }
        self.rest = characters.as_str().trim_start();
        Some(text)
    }
}

/// A character by some hexadecimal digits.
fn code(characters: &mut std::str::Chars<'_>, digits: u32) -> Option<char> {
    let value = (0..digits).try_fold(0, |value, _| Some(value * 16 + characters.next()?.to_digit(16)?))?;
    char::from_u32(value)
}

fn negative(number: &Number) -> Option<Value> {
    let text = number.to_string();
    let text = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
    serde_json::from_str(&text).ok()
}
