//! Names and metadata (section 6).

use std::borrow::Cow;
use std::collections::HashSet;

use crate::bytes::Bytes;
use crate::head::{Head, ZSTD};
use crate::json;
use crate::refusal::{require, Limits, Result};
use crate::stream::Stream;

pub fn check_metadata(body: &[u8], limits: &Limits) -> Result<()> {
    let (_, stream) = read(body, 1, true)?;
    require(stream.size <= limits.metadata, "limit-metadata")?;
    let object = matches!(json::parse(&stream.decode()?), Some(json::Value::Object(_)));
    require(object, "metadata-json")
}

pub struct ClassMap<'a> {
    pub compressed: bool,
    pub identifiers: bool,
    pub text: Cow<'a, [u8]>,
}

pub fn read_class_map<'a>(body: &'a [u8], head: &Head, limits: &Limits) -> Result<ClassMap<'a>> {
    let (form, stream) = read(body, 3, head.needs(ZSTD))?;
    require(stream.size <= limits.class_map, "limit-class-map")?;
    let (compressed, identifiers) = (form & 1 != 0, form & 2 != 0);
    let text = stream.decode()?;
    check_names(&text, head.classes as usize, identifiers)?;
    Ok(ClassMap { compressed, identifiers, text })
}

/// The form of CLASSES or META and the stream of its text, which may be compressed if `zstd`.
fn read(body: &[u8], largest_form: u8, zstd: bool) -> Result<(u8, Stream<'_>)> {
    let (&form, stream) = body.split_first().ok_or("body-short")?;
    require(form <= largest_form, "text-form")?;
    require(zstd || form & 1 == 0, "feature-undeclared")?;
    Ok((form, Stream::new(stream, form & 1 == 1)?))
}

fn check_names(text: &[u8], classes: usize, identifiers: bool) -> Result<()> {
    let mut bytes = Bytes { rest: text, short: "class-map-size" };
    let mut strings = Vec::new();
    while !bytes.rest.is_empty() {
        let size = bytes.integer(1)?;
        strings.push(bytes.take(size)?);
    }
    require(strings.len() == if identifiers { 2 * classes } else { classes }, "class-map-size")?;
    let strings: Result<Vec<_>, _> = strings.into_iter().map(std::str::from_utf8).collect();
    let mut seen = HashSet::new();
    for (index, string) in strings.map_err(|_| "name-not-utf8")?.into_iter().enumerate() {
        let name = index < classes;
        require(!name || !string.is_empty(), "name-empty")?;
        require(!string.contains(forbidden), "name-forbidden-character")?;
        require(seen.insert((name, string)) || string.is_empty(), "name-duplicate")?;
    }
    Ok(())
}

fn forbidden(char: char) -> bool {
    let unseen = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{feff}'].contains(&char);
    unseen || char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
