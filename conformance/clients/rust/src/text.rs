//! Names and metadata (section 6).

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json;
use crate::refusal::{require, Limits, Result};
use crate::stream::Stream;

pub fn check_metadata(body: &[u8], limits: &Limits) -> Result<()> {
    let (&form, stream) = body.split_first().ok_or("body-short")?;
    require(form <= 1, "text-form")?;
    let stream = Stream::new(stream, form == 1)?;
    require(stream.size() <= limits.metadata, "limit-metadata")?;
    let object = matches!(json::parse(&stream.decode()?), Some(json::Value::Object(_)));
    require(object, "metadata-json")
}

pub struct ClassMap<'a> {
    pub compressed: bool,
    pub identifiers: bool,
    pub text: Cow<'a, [u8]>,
}

impl<'a> ClassMap<'a> {
    pub fn read(body: &'a [u8], classes: u64, zstd: bool, limits: &Limits) -> Result<Self> {
        let (&form, stream) = body.split_first().ok_or("body-short")?;
        require(form <= 3, "text-form")?;
        let (compressed, identifiers) = (form & 1 == 1, form & 2 == 2);
        require(zstd || !compressed, "feature-undeclared")?;
        let stream = Stream::new(stream, compressed)?;
        require(stream.size() <= limits.class_map, "limit-class-map")?;
        let text = stream.decode()?;
        check_names(&text, classes as usize, identifiers)?;
        Ok(ClassMap { compressed, identifiers, text })
    }
}

fn check_names(mut text: &[u8], classes: usize, identifiers: bool) -> Result<()> {
    let mut strings = Vec::new();
    while let Some((&size, rest)) = text.split_first() {
        let split = rest.split_at_checked(size.into());
        let (string, rest) = split.ok_or("class-map-size")?;
        strings.push(string);
        text = rest;
    }
    require(strings.len() == if identifiers { 2 * classes } else { classes }, "class-map-size")?;
    let strings = strings.into_iter().map(|string| std::str::from_utf8(string).ok());
    let strings = strings.collect::<Option<Vec<_>>>().ok_or("name-not-utf8")?;
    let mut seen = HashSet::new();
    for (index, string) in strings.iter().enumerate() {
        let name = index < classes;
        require(!name || !string.is_empty(), "name-empty")?;
        require(!string.contains(forbidden), "name-forbidden-character")?;
        require(seen.insert((name, string)) || string.is_empty(), "name-duplicate")?;
    }
    Ok(())
}

fn forbidden(char: char) -> bool {
    matches!(char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
