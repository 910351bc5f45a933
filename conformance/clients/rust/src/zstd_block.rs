//! Compressed blocks of a Zstandard frame (RFC 8878, sections 3.1.1.3 to 3.1.1.5).

use crate::bytes::Bytes;
use crate::fse::Table;
use crate::huffman::Tree;
use crate::refusal::{require, Result};
use crate::reverse::{Reverse, CORRUPT};

/// What a block leaves to the next one.
pub struct State {
    tree: Option<Tree>,
    tables: [Option<Table>; 3], // of literals lengths, offsets, match lengths
    recent: [u64; 3],           // offsets
}

impl State {
    pub fn new() -> Self {
        State { tree: None, tables: [None, None, None], recent: [1, 4, 8] }
    }

    /// Adds what a compressed block stands for, at most `room` bytes, to `out`.
    pub fn block(
        &mut self,
        data: &[u8],
        window: u64,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let end = out.len() + room;
        let mut bytes = Bytes::new(data, CORRUPT);
        let literals = self.literals(&mut bytes, room)?;
        let mut literals = &literals[..];
        let count = match bytes.byte()? {
            first @ 0..=127 => u32::from(first),
            255 => u32::from(u16::from_le_bytes(bytes.array()?)) + 0x7F00,
            first => u32::from(first - 128) << 8 | u32::from(bytes.byte()?),
        };
        if count == 0 {
            require(bytes.rest.is_empty(), CORRUPT)?;
            out.extend_from_slice(literals);
            return Ok(());
        }
        self.read_tables(&mut bytes)?;
        let [Some(lengths), Some(offsets), Some(matches)] = &self.tables else {
            return Err(CORRUPT);
        };
        let mut bits = Reverse::new(bytes.rest)?;
        let mut states =
            [lengths.start(&mut bits)?, offsets.start(&mut bits)?, matches.start(&mut bits)?];
        for left in (0..count).rev() {
            let code = u32::from(offsets.symbol(states[1]));
            let offset = (1 << code) + bits.take(code)?;
            let (base, extra) = length(matches.symbol(states[2]), 32, &MATCH_BITS);
            let copied = 3 + base + bits.take(extra)? as usize;
            let (base, extra) = length(lengths.symbol(states[0]), 16, &LENGTH_BITS);
            let taken = base + bits.take(extra)? as usize;
            if left > 0 {
                states[0] = lengths.next(states[0], &mut bits)?;
                states[2] = matches.next(states[2], &mut bits)?;
                states[1] = offsets.next(states[1], &mut bits)?;
            }
            let (now, later) = literals.split_at_checked(taken).ok_or(CORRUPT)?;
            literals = later;
            let distance = used_offset(&mut self.recent, offset, taken == 0);
            require(out.len() + taken + copied <= end, CORRUPT)?;
            out.extend_from_slice(now);
            require((1..=window.min(out.len() as u64)).contains(&distance), CORRUPT)?;
            copy_back(out, distance as usize, copied);
        }
        bits.finish()?;
        require(out.len() + literals.len() <= end, CORRUPT)?;
        out.extend_from_slice(literals);
        Ok(())
    }

    fn literals(&mut self, bytes: &mut Bytes, room: usize) -> Result<Vec<u8>> {
        let first = bytes.rest.first().ok_or(CORRUPT)?;
        let (kind, format) = (first & 3, usize::from(first >> 2 & 3));
        let coded = kind > 1;
        let header_size = [[1, 2, 1, 3], [3, 3, 4, 5]][usize::from(coded)][format];
        let mut header = [0; 8];
        header[..header_size].copy_from_slice(bytes.take(header_size as u64)?);
        let header = u64::from_le_bytes(header) >> if coded || format & 1 == 1 { 4 } else { 3 };
        let bits = 4 * header_size - 2; // of each of the two sizes that stand before Huffman codes
        let size = if coded { header & ((1 << bits) - 1) } else { header };
        require(size <= room as u64, CORRUPT)?;
        let count = size as usize;
        match kind {
            0 => return Ok(bytes.take(size)?.to_vec()),
            1 => return Ok(vec![bytes.byte()?; count]),
            _ => {}
        }
        let mut data = bytes.take(header >> bits)?;
        if kind == 2 {
            let (tree, rest) = Tree::read(data)?;
            self.tree = Some(tree);
            data = rest;
        }
        let tree = self.tree.as_ref().ok_or(CORRUPT)?;
        let mut literals = Vec::with_capacity(count);
        if format == 0 {
            tree.decode(data, count, &mut literals)?;
            return Ok(literals);
        }
        require(count >= 6, CORRUPT)?; // four streams: erratum 7297
        let mut streams = Bytes::new(data, CORRUPT);
        let sizes: [u8; 6] = streams.array()?;
        for pair in sizes.chunks_exact(2) {
            let stream = streams.take(u64::from(pair[0]) | u64::from(pair[1]) << 8)?;
            tree.decode(stream, count.div_ceil(4), &mut literals)?;
        }
        let last = count.checked_sub(literals.len()).ok_or(CORRUPT)?;
        tree.decode(streams.rest, last, &mut literals)?;
        Ok(literals)
    }

    fn read_tables(&mut self, bytes: &mut Bytes) -> Result<()> {
        let modes = bytes.byte()?;
        require(modes & 3 == 0, CORRUPT)?;
        let kinds: [(&[i16], u32, u8); 3] =
            [(&LENGTHS, 9, 35), (&OFFSETS, 8, 31), (&MATCHES, 9, 52)];
        for (index, (predefined, log, largest)) in kinds.into_iter().enumerate() {
            let table = &mut self.tables[index];
            match modes >> (6 - 2 * index) & 3 {
                0 => *table = Some(Table::new(predefined)),
                1 => {
                    let symbol = bytes.byte()?;
                    require(symbol <= largest, CORRUPT)?;
                    *table = Some(Table::single(symbol));
                }
                2 => {
                    let (read, rest) = Table::read(bytes.rest, log, usize::from(largest))?;
                    *table = Some(read);
                    bytes.rest = rest;
                }
                _ => require(table.is_some(), CORRUPT)?,
            }
        }
        Ok(())
    }
}

/// The distance that an offset value stands for; it becomes the most recent one.
fn used_offset(recent: &mut [u64; 3], value: u64, no_literals: bool) -> u64 {
    let place = value - 1 + u64::from(no_literals);
    match place {
        _ if value > 3 => *recent = [value - 3, recent[0], recent[1]],
        0 => {}
        1 => recent.swap(0, 1),
        2 => recent.rotate_right(1),
        _ => *recent = [recent[0].saturating_sub(1), recent[0], recent[1]],
    }
    recent[0]
}

/// Repeats what lies `distance` bytes back, `size` bytes in all.
fn copy_back(out: &mut Vec<u8>, distance: usize, size: usize) {
    let start = out.len() - distance;
    let mut left = size;
    while left > 0 {
        let step = left.min(out.len() - start);
        out.extend_from_within(start..start + step);
        left -= step;
    }
}

/// The base of a length's code, and how many bits more it takes: codes below `plain` stand for
/// themselves and take none; each of the others starts where the one before ends.
fn length(code: u8, plain: usize, extra: &[u32]) -> (usize, u32) {
    let code = usize::from(code);
    let before = extra.iter().take(code.saturating_sub(plain));
    let bits = if code < plain { 0 } else { extra[code - plain] };
    (code.min(plain) + before.map(|bits| 1 << bits).sum::<usize>(), bits)
}

const LENGTH_BITS: [u32; 20] = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS: [u32; 21] =
    [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

const LENGTHS: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const OFFSETS: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
const MATCHES: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
