//! JSON as section 6.2 allows it, for metadata and for the protocol.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

const DEEPEST: usize = 16;
const LARGEST: u64 = (1 << 53) - 1;

pub enum Value {
    Null,
    Bool,
    /// An integer from 0 on, or None for other numbers.
    Number(Option<u64>),
    Text(String),
    Array(Vec<Value>),
    Object(HashMap<String, Value>),
}

impl Value {
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.get(key),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => *number,
            _ => None,
        }
    }

    /// The strings of an array of strings.
    pub fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Value::Array(items) => items.iter().map(Value::text).collect(),
            _ => None,
        }
    }
}

/// The value of one JSON text, or None where section 6.2 does not allow it.
pub fn parse(data: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(data).ok()?;
    let mut parser = Parser { chars: text.chars().peekable() };
    let value = parser.value(0)?;
    parser.space();
    parser.chars.next().is_none().then_some(value)
}

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn space(&mut self) {
        while self.chars.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).is_some() {}
    }

    /// Whether `char` comes next, after space; it is then passed over.
    fn found(&mut self, char: char) -> bool {
        self.space();
        self.chars.next_if_eq(&char).is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.chars.peek()? {
            '{' if depth < DEEPEST => self.object(depth + 1),
            '[' if depth < DEEPEST => self.array(depth + 1),
            '"' => self.text().map(Value::Text),
            '-' | '0'..='9' => self.number().map(Value::Number),
            't' => self.word("true", Value::Bool),
            'f' => self.word("false", Value::Bool),
            'n' => self.word("null", Value::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        word.chars().all(|c| self.chars.next_if_eq(&c).is_some()).then_some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.chars.next();
        let mut members = HashMap::new();
        if self.found('}') {
            return Some(Value::Object(members));
        }
        loop {
            self.space();
            let key = self.text()?;
            if !self.found(':') || members.insert(key, self.value(depth)?).is_some() {
                return None;
            }
            if self.found('}') {
                return Some(Value::Object(members));
            }
            if !self.found(',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.chars.next();
        let mut items = Vec::new();
        if self.found(']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.found(']') {
                return Some(Value::Array(items));
            }
            if !self.found(',') {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        self.chars.next_if_eq(&'"')?;
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return None,
                char => text.push(char),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.chars.next()? {
            char @ ('"' | '\\' | '/') => char,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                let low = match unit {
                    0xD800..=0xDBFF => {
                        self.word("\\u", Value::Null)?;
                        Some(self.unit()?)
                    }
                    _ => None,
                };
                char::decode_utf16([unit].into_iter().chain(low)).next()?.ok()?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | self.chars.next()?.to_digit(16)? as u16))
    }

    fn number(&mut self) -> Option<Option<u64>> {
        let mut spelling = String::new();
        let negative = self.chars.next_if_eq(&'-').is_some();
        match self.chars.next_if_eq(&'0') {
            Some(zero) => spelling.push(zero),
            None => self.digits(&mut spelling)?,
        }
        let mut integer = true;
        if let Some(point) = self.chars.next_if_eq(&'.') {
            integer = false;
            spelling.push(point);
            self.digits(&mut spelling)?;
        }
        if self.chars.next_if(|c| matches!(c, 'e' | 'E')).is_some() {
            integer = false;
            spelling.push('e');
            spelling.extend(self.chars.next_if(|c| matches!(c, '+' | '-')));
            self.digits(&mut spelling)?;
        }
        if !integer {
            return spelling.parse::<f64>().ok()?.is_finite().then_some(None);
        }
        let value = spelling.parse().ok().filter(|&value: &u64| value <= LARGEST)?;
        Some((!negative).then_some(value))
    }

    fn digits(&mut self, spelling: &mut String) -> Option<()> {
        let before = spelling.len();
        while let Some(digit) = self.chars.next_if(char::is_ascii_digit) {
            spelling.push(digit);
        }
        (spelling.len() > before).then_some(())
    }
}
