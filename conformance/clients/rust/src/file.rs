//! A file from its first to its last byte (section 4 and Appendix G).

use crate::block::Blocks;
use crate::bytes::Bytes;
use crate::content::Content;
use crate::digest::{crc32, tree, Rows};
use crate::head::{self, Head};
use crate::refusal::{require, Limits, Result};
use crate::rule::Rule;
use crate::text::{check_metadata, read_class_map};

const MAGIC: &[u8; 8] = b"\x89PLADA\r\n";

const HEAD: u8 = 0x01;
const CLASSES: u8 = 0x02;
const BLOCK: u8 = 0x03;
const END: u8 = 0x04;
const RULE: u8 = 0x05;
const SIGN: u8 = 0x82;
const META: u8 = 0xC1;
const ORDER: [u8; 7] = [HEAD, CLASSES, META, RULE, BLOCK, SIGN, END];
const ANCILLARY: u8 = 0x80;

struct Chunks<'a> {
    bytes: Bytes<'a>,
    limits: &'a Limits,
    head_crc: u32,
    rules: bool,      // whether RULE is known
    seen: [u64; 256], // chunks of each type
}

impl<'a> Chunks<'a> {
    /// Type and body of the next chunk, which is checked up to its CRC.
    fn next(&mut self) -> Result<(u8, &'a [u8])> {
        let start = self.bytes.rest;
        let kind = self.bytes.byte()?;
        let copied = kind & 0x40 == 0 || kind & ANCILLARY != 0;
        require(kind & 0x20 == 0 && copied && kind & 0x1F != 0, "chunk-type")?;
        let length = self.bytes.varint()?;

        let seen = |kind| self.seen[usize::from(kind)] > 0;
        require(kind == HEAD || seen(HEAD), "head-missing")?;
        let known = ORDER.contains(&kind) && (kind != RULE || self.rules);
        require(known || kind & ANCILLARY != 0, "unknown-critical-chunk")?;
        require(kind == BLOCK || !seen(kind), "chunk-duplicate")?;
        require(kind == END || !seen(SIGN), "signature-place")?;
        let later = ORDER.into_iter().skip_while(|&known| known != kind).skip(1).any(seen);
        require(!later, "chunk-order")?;
        self.seen[usize::from(kind)] += 1;

        let body = self.bytes.take(length)?;
        let whole = &start[..start.len() - self.bytes.rest.len()];
        let crc = self.bytes.integer(4)? as u32;
        require(self.seen[usize::from(BLOCK)] <= self.limits.blocks, "limit-blocks")?;
        require(kind != CLASSES || length <= self.limits.class_map + 1, "limit-class-map")?;
        require(kind != META || length <= self.limits.metadata + 1, "limit-metadata")?;
        let seed = if kind & ANCILLARY == 0 { self.head_crc } else { 0 };
        require(crc32(whole, seed) == crc, "crc-mismatch")?;
        if kind == HEAD {
            self.head_crc = crc;
        }
        Ok((kind, body))
    }
}

/// The `content_id` of a file that is valid, and made for the pool of these digests and codes, if
/// the client has them.
pub fn read(data: &[u8], limits: &Limits, pool: Rows, codes: Rows) -> Result<[u8; 32]> {
    require(MAGIC.starts_with(&data[..data.len().min(MAGIC.len())]), "bad-magic")?;
    let mut bytes = Bytes { rest: data, short: "truncated" };
    bytes.take(8)?;
    require(bytes.byte()? == 1, "unknown-version")?;

    let mut chunks = Chunks { bytes, limits, head_crc: 0, rules: false, seen: [0; 256] };
    let head = Head::read(chunks.next()?.1, limits)?;
    chunks.rules = head.needs(head::RULE);
    let mut blocks = Blocks::new(&head);
    let mut content = Content::new(head.pool_size, false);
    let mut classes = None;
    let mut rule = None;
    loop {
        let (kind, body) = chunks.next()?;
        match kind {
            CLASSES => classes = Some(read_class_map(body, &head, limits)?),
            META => check_metadata(body, limits)?,
            RULE => {
                let read = Rule::read(body, &head, limits)?;
                let rows = read.rows(codes, head.pool_size);
                content = Content::new(head.pool_size, rows.is_some());
                rule = Some((read, rows));
            }
            BLOCK => blocks.read(body, &mut content)?,
            SIGN if body.len() < 72 => return Err("body-short"),
            SIGN if body.len() > 72 => return Err("body-long"),
            END if !body.is_empty() => return Err("body-long"),
            END => break,
            _ => {} // a signature, or an ancillary chunk that is not known
        }
    }

    require(rule.is_some() || content.count == head.kept, "kept-total")?;
    let mut used = blocks.used_features | head.features & head::WEIGHTS;
    used |= if rule.is_some() { head::RULE } else { 0 };
    used |= if classes.as_ref().is_some_and(|map| map.compressed) { head::ZSTD } else { 0 };
    require(used == head.features, "feature-unused")?;
    require(blocks.largest_stream == head.max_stream, "max-stream")?;
    if let Some((rule, rows)) = rule {
        let rows = rows.ok_or("codes-mismatch")?;
        let id = tree(b"plada-codes-1\0", rows);
        require(id.starts_with(rule.codes_id), "codes-mismatch")?;
        content.apply(&rule, rows, head.kept);
        require(content.count == head.kept, "kept-total")?;
    }
    let id = content.id(&head, classes.as_ref());
    require(id.starts_with(head.check), "content-check")?;
    require(chunks.bytes.rest.is_empty(), "trailing-bytes")?;
    if let Some(pool) = pool {
        let first = pool.get(..head.pool_size as usize).ok_or("pool-mismatch")?;
        require(tree(b"plada-pool-1\0", first) == head.pool_id, "pool-mismatch")?;
    }
    Ok(id)
}
