//! Python's regular expressions in the syntax of Rust's.
//!
//! The two look alike and differ in detail: `[a&&b]` is three characters in Python and an intersection in Rust, `$` also matches
//! before a trailing line end, `\w` and `\s` are other sets, `a++` never gives back. Everything is written out in a form that
//! means the same whatever the engine. Besides Python's syntax, `\p{…}` and `\z` are accepted.

use std::fmt::Write;

/// A translated pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) text: String,
    /// Needs a backtracking engine: look-around, back-references, possessive repetitions.
    pub(super) backtracks: bool,
    /// Has a word boundary, which Rust's `regex` knows in ASCII texts only (that are not empty).
    pub(super) bounded: bool,
}

/// Characters of words: letters and digits, without the marks and joiners that Rust adds.
const WORD: &str = r"\p{L}\p{N}_";
/// Spaces; Python has four separators more.
const SPACE: &str = r"\s\x1C-\x1F";

/// Flags that change the meaning of what is written. (The others mean the same in both.)
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    multiline: bool,
    verbose: bool,
    ascii: bool,
    /// Inside a look-behind.
    behind: bool,
}

impl Flags {
    fn set(&mut self, flag: char, on: bool) {
        match flag {
            'm' => self.multiline = on,
            'x' => self.verbose = on,
            'a' => self.ascii = on,
            'u' => self.ascii = false,
            _ => {}
        }
    }
}

/// Translates a pattern. `exact`: boundaries of words are written as look-around.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub(super) fn translate(pattern: &str, exact: bool) -> Result<Translated, String> {
    let mut translation = Translation {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 8),
        flags: Flags::default(),
        groups: Vec::new(),
        exact,
        backtracks: false,
        bounded: false,
    };
    translation.pattern()?;
    Ok(Translated {
        text: translation.out,
        backtracks: translation.backtracks,
        bounded: translation.bounded,
    })
}

struct Translation<'a> {
    /// What is not read yet.
    rest: &'a str,
    out: String,
    flags: Flags,
    /// The flags around each open group.
    groups: Vec<Flags>,
    exact: bool,
    backtracks: bool,
    bounded: bool,
}

/// A member of a class.
enum Member {
    One(char),
    Set(String),
}

impl Translation<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads up to the end, which is consumed.
    fn until(&mut self, end: char) -> Result<&str, String> {
        let (text, rest) = self.rest.split_once(end).ok_or_else(|| format!("'{end}' is missing"))?;
        self.rest = rest;
        Ok(text)
    }

    fn pattern(&mut self) -> Result<(), String> {
        let mut started = false;
        // Whether what comes next may be a repetition.
        let mut repeatable = false;
        while let Some(next) = self.next() {
            if self.flags.verbose && (next.is_ascii_whitespace() || next == '\x0b') {
                continue;
            }
            if self.flags.verbose && next == '#' {
                self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            repeatable = match next {
                '*' | '+' | '?' => self.repetition(repeatable, &next.to_string())?,
                '{' => match self.counts() {
                    Some(counts) => self.repetition(repeatable, &counts)?,
                    None => self.literal('{'),
                },
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group(started)?,
                ')' => {
                    self.flags = self.groups.pop().ok_or("')' has no '('")?;
                    self.out.push(')');
                    true
                }
                '|' | '^' => {
                    self.out.push(next);
                    false
                }
                '$' => self.end(),
                '.' => {
                    self.out.push('.');
                    true
                }
                other => self.literal(other),
            };
            started = true;
        }
        if self.groups.is_empty() {
            Ok(())
        } else {
            Err("')' is missing".to_owned())
        }
    }

    fn literal(&mut self, literal: char) -> bool {
        self.out
            .push_str(&regex_syntax::escape(literal.encode_utf8(&mut [0; 4])));
        true
    }

    /// After `{`: a range of counts; else it is a character like any other.
    fn counts(&mut self) -> Option<String> {
        let (counts, rest) = self.rest.split_once('}')?;
        let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if counts.is_empty() || !digits(least) || !digits(most) {
            return None;
        }
        self.rest = rest;
        let least = if least.is_empty() { "0" } else { least };
        Some(if counts.contains(',') {
            format!("{{{least},{most}}}")
        } else {
            format!("{{{least}}}")
        })
    }

    fn repetition(&mut self, repeatable: bool, repetition: &str) -> Result<bool, String> {
        if !repeatable {
            return Err(format!("there is nothing to repeat before '{repetition}'"));
        }
        self.out.push_str(repetition);
        if self.take("?") {
            self.out.push('?');
        } else if self.take("+") {
            self.out.push('+');
            self.backtracks = true;
        }
        Ok(false)
    }

    /// `$`: the end, or before a line end that is the last character.
    fn end(&mut self) -> bool {
        if self.flags.multiline {
            self.out.push('$');
        } else if !self.flags.behind && ends(self.rest, self.groups.len()) {
            // Nothing follows that could tell whether the line end was read.
            self.out.push_str(r"(?:\n?\z)");
        } else {
            self.out.push_str(r"(?=\n?\z)");
            self.backtracks = true;
        }
        false
    }

    /// After `(`. `started`: something else came before.
    fn group(&mut self, started: bool) -> Result<bool, String> {
        let around = self.flags;
        if !self.take("?") {
            self.out.push('(');
        } else if self.take("#") {
            self.until(')')?;
            return Ok(false);
        } else if self.take("P=") {
            let name = self.until(')')?.to_owned();
            let _ = write!(self.out, "(?P={name})");
            self.backtracks = true;
            return Ok(true);
        } else if self.take("P<") {
            let name = self.until('>')?.to_owned();
            let _ = write!(self.out, "(?P<{name}>");
        } else if let Some(kind) = ["=", "!", "<=", "<!", ">"].into_iter().find(|kind| self.take(kind)) {
            let _ = write!(self.out, "(?{kind}");
            self.flags.behind |= kind.starts_with('<');
            self.backtracks = true;
        } else if self.take("(") {
            let condition = self.until(')')?.to_owned();
            let _ = write!(self.out, "(?({condition})");
            self.backtracks = true;
        } else if self.take(":") {
            self.out.push_str("(?:");
        } else {
            let end = self.rest.find([')', ':']).ok_or("')' is missing")?;
            let (flags, rest) = self.rest.split_at(end);
            let mut on = true;
            let mut kept = String::new();
            for flag in flags.chars() {
                match flag {
                    '-' if on => on = false,
                    'i' | 'm' | 's' | 'x' | 'a' | 'u' => self.flags.set(flag, on),
                    _ => return Err(format!("'(?{flags}' is no group of Python's")),
                }
                if matches!(flag, 'i' | 'm' | 's' | '-') {
                    kept.push(flag);
                }
            }
            let kept = kept.trim_end_matches('-');
            let scoped = rest.starts_with(':');
            self.rest = &rest[1..];
            if !scoped && started {
                return Err(format!("the flags '(?{flags})' must be at its start"));
            }
            if scoped {
                let _ = write!(self.out, "(?{kept}:");
            } else {
                if !kept.is_empty() {
                    let _ = write!(self.out, "(?{kept})");
                }
                return Ok(false);
            }
        }
        self.groups.push(around);
        Ok(false)
    }

    /// After `\`, outside of a class.
    fn escape(&mut self) -> Result<bool, String> {
        let escaped = self.next().ok_or("a backslash is its last character")?;
        match escaped {
            'A' => self.out.push_str(r"\A"),
            'Z' | 'z' => self.out.push_str(r"\z"),
            'b' | 'B' => self.boundary(escaped == 'b'),
            '1'..='9' => return self.reference(escaped),
            'p' | 'P' => {
                let _ = write!(self.out, r"\{escaped}");
                if self.take("{") {
                    let name = self.until('}')?.to_owned();
                    let _ = write!(self.out, "{{{name}}}");
                } else if let Some(name) = self.next() {
                    self.out.push(name);
                }
                return Ok(true);
            }
            other => {
                match self.member(other)? {
                    Member::One(one) => {
                        self.literal(one);
                    }
                    Member::Set(set) => {
                        let _ = write!(self.out, "[{set}]");
                    }
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A boundary of a word, or no boundary; in a text without characters there is neither.
    fn boundary(&mut self, wanted: bool) {
        self.bounded = true;
        let ascii = self.flags.ascii;
        let word = if ascii {
            "[0-9A-Za-z_]".to_owned()
        } else {
            format!("[{WORD}]")
        };
        let _ = match (self.exact, wanted) {
            (false, true) if ascii => write!(self.out, r"(?-u:\b)"),
            (false, false) if ascii => write!(self.out, r"(?-u:\B)"),
            (false, true) => write!(self.out, r"\b"),
            (false, false) => write!(self.out, r"\B"),
            (true, true) => write!(self.out, "(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"),
            (true, false) => write!(self.out, r"(?:(?<={word})(?={word})|(?<!{word})(?!{word})(?!\A\z))"),
        };
        self.backtracks |= self.exact;
    }

    /// A group by its number, or a character by its octal code of three digits.
    fn reference(&mut self, first: char) -> Result<bool, String> {
        let digits: Vec<char> = self.rest.chars().take(2).take_while(char::is_ascii_digit).collect();
        if let [second, third] = digits.as_slice()
            && [first, *second, *third].iter().all(|digit| ('0'..='7').contains(digit))
        {
            self.rest = &self.rest[2..];
            let code = u32::from_str_radix(&format!("{first}{second}{third}"), 8).ok();
            let code = code.filter(|code| *code <= 0o377).and_then(char::from_u32);
            return Ok(self.literal(code.ok_or("an octal code is greater than 377")?));
        }
        let mut number = first.to_string();
        if let Some(second) = digits.first() {
            number.push(*second);
            self.rest = &self.rest[1..];
        }
        let _ = write!(self.out, r"(?:\{number})");
        self.backtracks = true;
        Ok(true)
    }

    /// An escape that means the same in a class and outside.
    fn member(&mut self, escaped: char) -> Result<Member, String> {
        let ascii = self.flags.ascii;
        let set = |ascii_set: &str, unicode: &str| {
            if ascii {
                ascii_set.to_owned()
            } else {
                unicode.to_owned()
            }
        };
        let word = set("0-9A-Za-z_", WORD);
        let space = set(r"\t\n\r\x0B\x0C\x20", SPACE);
        let digit = set("0-9", r"\d");
        Ok(match escaped {
            'd' => Member::Set(digit),
            'D' => Member::Set(format!("[^{digit}]")),
            'w' => Member::Set(word),
            'W' => Member::Set(format!("[^{word}]")),
            's' => Member::Set(space),
            'S' => Member::Set(format!("[^{space}]")),
            'a' => Member::One('\x07'),
            'f' => Member::One('\x0c'),
            'n' => Member::One('\n'),
            'r' => Member::One('\r'),
            't' => Member::One('\t'),
            'v' => Member::One('\x0b'),
            'x' => Member::One(self.code(2, 16)?),
            'u' => Member::One(self.code(4, 16)?),
            'U' => Member::One(self.code(8, 16)?),
            '0' => {
                let digits = self
                    .rest
                    .bytes()
                    .take(2)
                    .take_while(|digit| (b'0'..=b'7').contains(digit))
                    .count();
                Member::One(if digits == 0 { '\0' } else { self.code(digits, 8)? })
            }
            other if other.is_ascii_alphanumeric() => return Err(format!(r"'\{other}' is no escape of Python's")),
            other => Member::One(other),
        })
    }

    /// A character by its code of some digits.
    fn code(&mut self, digits: usize, radix: u32) -> Result<char, String> {
        let code = self
            .rest
            .get(..digits)
            .filter(|code| code.chars().all(|digit| digit.is_digit(radix)));
        let code = code.ok_or("the code of a character lacks digits")?;
        let character = u32::from_str_radix(code, radix).ok().and_then(char::from_u32);
        let character = character.ok_or_else(|| format!("'{code}' is the code of no character"))?;
        self.rest = &self.rest[digits..];
        Ok(character)
    }

    /// After `[`.
    fn class(&mut self) -> Result<bool, String> {
        const UNCLOSED: &str = "']' is missing";
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let next = self.next().ok_or(UNCLOSED)?;
            if next == ']' && !first {
                self.out.push(']');
                return Ok(true);
            }
            first = false;
            let start = self.class_member(next)?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            match start {
                Member::One(start) if is_range => {
                    self.take("-");
                    let end = self.next().ok_or(UNCLOSED)?;
                    match self.class_member(end)? {
                        Member::One(end) if start <= end => {
                            let _ = write!(self.out, r"\x{{{:X}}}-\x{{{:X}}}", u32::from(start), u32::from(end));
                        }
                        _ => return Err(format!("the range that begins with '{start}' has no end after it")),
                    }
                }
                Member::Set(_) if is_range => return Err("a range begins with a set".to_owned()),
                Member::One(one) => {
                    let _ = write!(self.out, r"\x{{{:X}}}", u32::from(one));
                }
                Member::Set(set) => self.out.push_str(&set),
            }
        }
    }

    fn class_member(&mut self, next: char) -> Result<Member, String> {
        if next != '\\' {
            return Ok(Member::One(next));
        }
        match self.next().ok_or("a backslash is its last character")? {
            'b' => Ok(Member::One('\x08')),
            property @ ('p' | 'P') if self.take("{") => {
                let name = self.until('}')?;
                Ok(Member::Set(format!(r"\{property}{{{name}}}")))
            }
            first @ '1'..='7' => {
                let digits = self
                    .rest
                    .bytes()
                    .take(2)
                    .take_while(|digit| (b'0'..=b'7').contains(digit))
                    .count();
                let octal = format!("{first}{}", &self.rest[..digits]);
                self.rest = &self.rest[digits..];
                let code = u32::from_str_radix(&octal, 8).ok().filter(|code| *code <= 0o377);
                let code = code
                    .and_then(char::from_u32)
                    .ok_or("an octal code is greater than 377")?;
                Ok(Member::One(code))
            }
            escaped => self.member(escaped),
        }
    }
}

/// Whether nothing has to match after this place, which is in as many groups.
fn ends(mut rest: &str, mut groups: usize) -> bool {
    loop {
        let mut following = rest.chars();
        match following.next() {
            None => return true,
            Some(')') if groups > 0 => {
                groups -= 1;
                rest = following.as_str();
                // A repeated group may follow itself.
                if rest.starts_with(['*', '+', '?', '{']) {
                    return false;
                }
            }
            Some('|') => match after_group(following.as_str()) {
                Some(after) => rest = after,
                None => return groups == 0,
            },
            _ => return false,
        }
    }
}

/// What is left at the end of the group that this is in: its `)`, or nothing outside of groups.
fn after_group(rest: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut characters = rest.char_indices();
    while let Some((place, next)) = characters.next() {
        match next {
            '\\' => drop(characters.next()),
            '[' => {
                let mut first = true;
                while let Some((_, member)) = characters.next() {
                    match member {
                        '\\' => drop(characters.next()),
                        '^' if first => continue,
                        ']' if !first => break,
                        _ => {}
                    }
                    first = false;
                }
            }
            '(' => depth += 1,
            ')' if depth == 0 => return Some(&rest[place..]),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}
