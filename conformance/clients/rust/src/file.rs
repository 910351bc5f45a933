//! A file from its first to its last byte (section 4 and Appendix G).

use crate::block::Blocks;
use crate::bytes::Bytes;
use crate::checksum::crc32;
use crate::content::Content;
use crate::head::{self, Head};
use crate::refusal::{require, Limits, Result};
use crate::rule::{Codes, Rule};
use crate::text::{check_metadata, ClassMap};
use crate::tree;

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

/// What a client has of its pool.
#[derive(Default)]
pub struct Holdings {
    /// Image digests.
    pub pool: Option<Vec<[u8; 32]>>,
    pub codes: Option<Codes>,
}

/// The `content_id` of a file that is valid, and made for the pool if the client has one.
pub fn read(data: &[u8], limits: &Limits, holdings: &Holdings) -> Result<[u8; 32]> {
    let (head, id) = read_file(data, limits, holdings.codes.as_ref())?;
    if let Some(pool) = &holdings.pool {
        let first = pool.get(..head.pool_size as usize).ok_or("pool-mismatch")?;
        let root = tree::root(b"plada-pool-1\0", first.iter().map(|digest| &digest[..]));
        require(root == head.pool_id, "pool-mismatch")?;
    }
    Ok(id)
}

struct Chunk<'a> {
    kind: u8,
    body: &'a [u8],
    crc: u32,
}

struct Walk<'a> {
    bytes: Bytes<'a>,
    head_crc: u32,
    seen: [bool; 256],
    blocks: u64,
    before: u8,
    place: usize, // of the last known chunk, in ORDER
    rules: bool,
}

impl<'a> Walk<'a> {
    /// The next chunk, checked up to its CRC.
    fn next(&mut self, limits: &Limits) -> Result<Chunk<'a>> {
        let start = self.bytes.rest;
        let kind = self.bytes.byte()?;
        let copied = kind & 0x40 == 0 || kind & ANCILLARY != 0;
        require(kind & 0x20 == 0 && copied && kind & 0x1F != 0, "chunk-type")?;
        let length = self.bytes.varint()?;

        require(kind == HEAD || self.seen[usize::from(HEAD)], "head-missing")?;
        let known = ORDER.iter().position(|&known| known == kind);
        let known = known.filter(|_| kind != RULE || self.rules);
        require(known.is_some() || kind & ANCILLARY != 0, "unknown-critical-chunk")?;
        require(kind == BLOCK || !self.seen[usize::from(kind)], "chunk-duplicate")?;
        require(self.before != SIGN || kind == END, "signature-place")?;
        require(known.unwrap_or(self.place) >= self.place, "chunk-order")?;
        self.place = known.unwrap_or(self.place);
        self.seen[usize::from(kind)] = true;
        self.before = kind;

        let body = self.bytes.take(length)?;
        let crc = u32::from_le_bytes(self.bytes.array()?);
        self.blocks += u64::from(kind == BLOCK);
        require(self.blocks <= limits.blocks, "limit-blocks")?;
        require(kind != CLASSES || length <= limits.class_map + 1, "limit-class-map")?;
        require(kind != META || length <= limits.metadata + 1, "limit-metadata")?;

        let whole = &start[..start.len() - self.bytes.rest.len() - 4];
        let seed = if kind & ANCILLARY == 0 { self.head_crc } else { 0 };
        require(crc32(whole, seed) == crc, "crc-mismatch")?;
        Ok(Chunk { kind, body, crc })
    }
}

fn read_file(data: &[u8], limits: &Limits, codes: Option<&Codes>) -> Result<(Head, [u8; 32])> {
    let start = &data[..data.len().min(MAGIC.len())];
    require(MAGIC.starts_with(start), "bad-magic")?;
    let mut bytes = Bytes::new(data, "truncated");
    bytes.array::<8>()?;
    require(bytes.byte()? == 1, "unknown-version")?;

    let seen = [false; 256];
    let mut walk = Walk { bytes, head_crc: 0, seen, blocks: 0, before: 0, place: 0, rules: false };
    let chunk = walk.next(limits)?;
    let head = Head::read(chunk.body, limits)?;
    walk.head_crc = chunk.crc;
    walk.rules = head.needs(head::RULE);
    let mut blocks = Blocks::new(&head);
    let mut content = Content::new(head.pool_size);
    let mut classes = None;
    let mut rule = None;
    loop {
        let Chunk { kind, body, .. } = walk.next(limits)?;
        match kind {
            CLASSES => {
                let zstd = head.needs(head::ZSTD);
                classes = Some(ClassMap::read(body, head.classes, zstd, limits)?);
            }
            META => check_metadata(body, limits)?,
            RULE => {
                let read = Rule::read(body, &head, limits)?;
                if read.fits(codes, head.pool_size) {
                    content.hold();
                }
                rule = Some(read);
            }
            BLOCK => blocks.read(body, &head, &mut content)?,
            SIGN => {
                require(body.len() >= 72, "body-short")?;
                require(body.len() == 72, "body-long")?;
            }
            END => {
                require(body.is_empty(), "body-long")?;
                break;
            }
            _ => {} // an ancillary chunk that is not known
        }
    }

    require(rule.is_some() || content.count == head.kept, "kept-total")?;
    let mut used = blocks.used_features | head.features & head::WEIGHTS;
    used |= if rule.is_some() { head::RULE } else { 0 };
    used |= if classes.as_ref().is_some_and(|map| map.compressed) { head::ZSTD } else { 0 };
    require(used == head.features, "feature-unused")?;
    require(blocks.largest_stream == head.max_stream, "max-stream")?;
    if let Some(rule) = rule {
        content.apply(&rule, &head, codes)?;
        require(content.count == head.kept, "kept-total")?;
    }
    let id = content.id(&head, classes.as_ref())?;
    require(walk.bytes.rest.is_empty(), "trailing-bytes")?;
    Ok((head, id))
}
