//! JSON as section 6.2 allows it, for metadata and for the protocol.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

const DEEPEST: usize = 16;
const LARGEST: u64 = (1 << 53) - 1;

pub enum Value {
    /// Null, true or false.
    Word,
    /// An integer from 0 on, or None for other numbers.
    Number(Option<u64>),
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

    pub fn number(&self) -> Option<u64> {
        let Value::Number(number) = self else { return None };
        *number
    }
}

/// The value of one JSON text, or None where section 6.2 does not allow it.
pub fn parse(data: &[u8]) -> Option<Value> {
    let mut parser = Parser { chars: std::str::from_utf8(data).ok()?.chars().peekable() };
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
            '{' if depth < DEEPEST => {
                let mut members = HashMap::new();
                self.items('}', |parser| {
                    parser.space();
                    let key = parser.text()?;
                    parser.found(':').then_some(())?;
                    members.insert(key, parser.value(depth + 1)?).is_none().then_some(())
                })?;
                Some(Value::Object(members))
            }
            '[' if depth < DEEPEST => {
                let mut items = Vec::new();
                self.items(']', |parser| {
                    items.push(parser.value(depth + 1)?);
                    Some(())
                })?;
                Some(Value::Array(items))
            }
            '"' => self.text().map(Value::Text),
            '-' | '0'..='9' => self.number().map(Value::Number),
            't' => self.word("true"),
            'f' => self.word("false"),
            _ => self.word("null"),
        }
    }

    fn word(&mut self, word: &str) -> Option<Value> {
        word.chars().all(|c| self.chars.next_if_eq(&c).is_some()).then_some(Value::Word)
    }

    /// What stands between brackets, separated by commas.
    fn items(&mut self, end: char, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.chars.next();
        if self.found(end) {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.found(',') {
                return self.found(end).then_some(());
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
                let mut units = vec![self.unit()?];
                if matches!(units[0], 0xD800..=0xDBFF) {
                    self.word("\\u")?;
                    units.push(self.unit()?);
                }
                char::decode_utf16(units).next()?.ok()?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        (0..4).try_fold(0, |unit, _| Some((unit << 4) | self.chars.next()?.to_digit(16)? as u16))
    }

    fn number(&mut self) -> Option<Option<u64>> {
        let mut number = String::new();
        let part = |c: &char| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
        while let Some(char) = self.chars.next_if(part) {
            number.push(char);
        }
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((&number, "0"));
        let absolute = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = absolute.split_once('.').unwrap_or((absolute, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let parts = [whole, fraction, exponent].into_iter().all(digits);
        (parts && (whole == "0" || !whole.starts_with('0'))).then_some(())?;
        if whole.len() < absolute.len() || mantissa.len() < number.len() {
            return number.parse::<f64>().ok()?.is_finite().then_some(None);
        }
        let value = whole.parse().ok().filter(|&value: &u64| value <= LARGEST)?;
        Some((mantissa == whole).then_some(value))
    }
}
