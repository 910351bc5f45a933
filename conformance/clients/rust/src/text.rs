//! Names and metadata (section 6).

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json;
use crate::refusal::{require, Code, Result};
use crate::zstd::Frame;

/// The stream of a body after its form, decoded.
fn decoded(stream: &[u8], compressed: bool, limit: u64, code: Code) -> Result<Cow<'_, [u8]>> {
    if !compressed {
        require(stream.len() as u64 <= limit, code)?;
        return Ok(Cow::Borrowed(stream));
    }
    let frame = Frame::new(stream)?;
    require(frame.size > 0, "empty-compressed")?;
    require(frame.size <= limit, code)?;
    frame.decode().map(Cow::Owned)
}

pub fn check_metadata(body: &[u8], limit: u64) -> Result<()> {
    let (&form, stream) = body.split_first().ok_or("body-short")?;
    require(form & !1 == 0, "text-form")?;
    let text = decoded(stream, form & 1 == 1, limit, "limit-metadata")?;
    let object = matches!(json::parse(&text), Some(json::Value::Object(_)));
    require(object, "metadata-json")
}

pub struct ClassMap<'a> {
    pub compressed: bool,
    pub identifiers: bool,
    pub text: Cow<'a, [u8]>,
}

impl<'a> ClassMap<'a> {
    pub fn read(body: &'a [u8], classes: u64, zstd: bool, limit: u64) -> Result<Self> {
        let (&form, stream) = body.split_first().ok_or("body-short")?;
        require(form & !3 == 0, "text-form")?;
        let (compressed, identifiers) = (form & 1 == 1, form & 2 == 2);
        require(zstd || !compressed, "feature-undeclared")?;
        let text = decoded(stream, compressed, limit, "limit-class-map")?;
        check_names(&text, classes as usize, identifiers)?;
        Ok(ClassMap { compressed, identifiers, text })
    }
}

fn check_names(mut text: &[u8], classes: usize, identifiers: bool) -> Result<()> {
    let mut strings = Vec::new();
    while let Some((&size, rest)) = text.split_first() {
        let split = rest.split_at_checked(usize::from(size));
        let (string, rest) = split.ok_or("class-map-size")?;
        strings.push(string);
        text = rest;
    }
    let expected = if identifiers { 2 * classes } else { classes };
    require(strings.len() == expected, "class-map-size")?;
    let strings: std::result::Result<Vec<_>, _> =
        strings.into_iter().map(std::str::from_utf8).collect();
    let strings = strings.map_err(|_| "name-not-utf8")?;
    let (names, identifiers) = strings.split_at(classes);
    let mut seen = HashSet::new();
    for name in names {
        require(!name.is_empty(), "name-empty")?;
        require(!name.contains(forbidden), "name-forbidden-character")?;
        require(seen.insert(name), "name-duplicate")?;
    }
    seen.clear();
    for identifier in identifiers {
        require(!identifier.contains(forbidden), "name-forbidden-character")?;
        require(identifier.is_empty() || seen.insert(identifier), "name-duplicate")?;
    }
    Ok(())
}

fn forbidden(char: char) -> bool {
    matches!(char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
