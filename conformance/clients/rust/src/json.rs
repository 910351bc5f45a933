//! JSON as section 6.2 allows it, for metadata and for the protocol.

use std::collections::HashMap;
use std::str::Chars;

const DEEPEST: usize = 16;
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

pub enum Value {
    /// Null, true or false.
    Word,
    /// As it is spelt.
    Number(String),
    Text(String),
    Array(Vec<Value>),
    Object(HashMap<String, Value>),
}

impl Value {
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Object(members) = self else { return None };
        members.get(key)
    }

    pub fn text(&self) -> Option<&str> {
        let Value::Text(text) = self else { return None };
        Some(text)
    }
}

/// The value of one JSON text, or None where section 6.2 does not allow it.
pub fn parse(data: &[u8]) -> Option<Value> {
    let mut parser = Parser(std::str::from_utf8(data).ok()?);
    let value = parser.value(0)?;
    parser.0.trim_start_matches(SPACE).is_empty().then_some(value)
}

/// The text that is still to be read.
struct Parser<'a>(&'a str);

impl Parser<'_> {
    /// Whether `token` comes next, after space; it is then passed over.
    fn found(&mut self, token: &str) -> bool {
        self.0 = self.0.trim_start_matches(SPACE);
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if self.found("\"") {
            self.text().map(Value::Text)
        } else if depth < DEEPEST && self.found("{") {
            let mut members = HashMap::new();
            while self.goes_on("}", members.is_empty())? {
                let key = self.found("\"").then(|| self.text())??;
                let value = self.found(":").then(|| self.value(depth + 1))??;
                members.insert(key, value).is_none().then_some(())?;
            }
            Some(Value::Object(members))
        } else if depth < DEEPEST && self.found("[") {
            let mut items = Vec::new();
            while self.goes_on("]", items.is_empty())? {
                items.push(self.value(depth + 1)?);
            }
            Some(Value::Array(items))
        } else if ["null", "true", "false"].iter().any(|word| self.found(word)) {
            Some(Value::Word)
        } else {
            self.number().map(Value::Number)
        }
    }

    /// Whether another item follows in brackets, which a comma parts from the one before.
    fn goes_on(&mut self, end: &str, first: bool) -> Option<bool> {
        let ends = self.found(end);
        (ends || first || self.found(",")).then_some(!ends)
    }

    /// What stands between quotes, the first of which has been read.
    fn text(&mut self) -> Option<String> {
        let mut units = Vec::new(); // of UTF-16: two escapes may say one character
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => units.push(escape(&mut chars)?),
                '\0'..='\x1f' => return None,
                char => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
            }
        }
        self.0 = chars.as_str();
        String::from_utf16(&units).ok()
    }

    fn number(&mut self) -> Option<String> {
        let rest = self.0.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.eE".contains(c));
        let number = self.0.strip_suffix(rest)?;
        self.0 = rest;
        let absolute = number.strip_prefix('-').unwrap_or(number);
        let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let padded = absolute.strip_prefix('0').is_some_and(digit);
        let in_range = match number.contains(['.', 'e', 'E']) {
            true => number.parse::<f64>().is_ok_and(f64::is_finite),
            false => absolute.parse::<u64>().is_ok_and(|value| value < 1 << 53),
        };
        // What else JSON forbids, Rust forbids too.
        (in_range && absolute.split('.').all(digit) && !padded).then(|| number.into())
    }
}

/// The unit of UTF-16 that the characters behind a backslash say.
fn escape(chars: &mut Chars) -> Option<u16> {
    match chars.next()? {
        'u' => (0..4).try_fold(0, |unit, _| Some(unit << 4 | chars.next()?.to_digit(16)? as u16)),
        char => "\"\\/bfnrt".find(char).map(|place| b"\"\\/\x08\x0C\n\r\t"[place].into()),
    }
}
