//! Compressed blocks of a Zstandard frame (RFC 8878, sections 3.1.1.3 to 3.1.1.5).

use crate::bytes::Bytes;
use crate::entropy::{Fse, Huffman, Reverse, CORRUPT};
use crate::refusal::{require, Result};

/// What a frame's blocks decode to, and what each leaves to the next one.
pub struct Decoder {
    pub out: Vec<u8>,
    window: usize,
    literals: Option<Huffman>,
    tables: [Option<Fse>; 3], // of literals lengths, offsets, match lengths
    recent: [u64; 3],         // offsets
}

impl Decoder {
    pub fn new(window: u64) -> Self {
        let tables = [None, None, None];
        Decoder {
            out: Vec::new(),
            window: window as usize,
            literals: None,
            tables,
            recent: [1, 4, 8],
        }
    }

    /// Adds what a compressed block stands for, at most `room` bytes.
    pub fn block(&mut self, data: &[u8], room: usize) -> Result<()> {
        let end = self.out.len() + room;
        let mut bytes = Bytes { rest: data, short: CORRUPT };
        let literals = self.read_literals(&mut bytes, room)?;
        let count = match bytes.integer(1)? {
            first @ 0..=127 => first,
            255 => bytes.integer(2)? + 0x7F00,
            first => (first - 128) << 8 | bytes.integer(1)?,
        };
        let rest = match count {
            0 => &literals[..],
            _ => self.sequences(&mut bytes, count, &literals, end)?,
        };
        require(bytes.rest.is_empty() && self.out.len() + rest.len() <= end, CORRUPT)?;
        self.out.extend_from_slice(rest);
        Ok(())
    }

    fn read_literals(&mut self, bytes: &mut Bytes, room: usize) -> Result<Vec<u8>> {
        let first = bytes.rest.first().ok_or(CORRUPT)?;
        let (kind, format) = (first & 3, usize::from(first >> 2 & 3));
        let coded = kind > 1;
        let header_size = [[1, 2, 1, 3], [3, 3, 4, 5]][usize::from(coded)][format];
        let header = bytes.integer(header_size)? >> if coded || format & 1 == 1 { 4 } else { 3 };
        let bits = 4 * header_size - 2; // of each of the two sizes that stand before Huffman codes
        let size = if coded { header & ((1 << bits) - 1) } else { header };
        require(size <= room as u64, CORRUPT)?;
        let count = size as usize;
        match kind {
            0 => return Ok(bytes.take(size)?.to_vec()),
            1 => return Ok(vec![bytes.byte()?; count]),
            _ => {}
        }
        let mut data = Bytes { rest: bytes.take(header >> bits)?, short: CORRUPT };
        if kind == 2 {
            self.literals = Some(Huffman::read(&mut data)?);
        }
        let codes = self.literals.as_ref().ok_or(CORRUPT)?;
        let mut literals = Vec::with_capacity(count);
        if format > 0 {
            require(count >= 6, CORRUPT)?; // four streams: erratum 7297
            let sizes = [data.integer(2)?, data.integer(2)?, data.integer(2)?];
            for size in sizes {
                codes.decode(data.take(size)?, count.div_ceil(4), &mut literals)?;
            }
        }
        let left = count.checked_sub(literals.len()).ok_or(CORRUPT)?;
        codes.decode(data.rest, left, &mut literals)?;
        Ok(literals)
    }

    fn read_tables(&mut self, bytes: &mut Bytes) -> Result<()> {
        let modes = bytes.byte()?;
        require(modes & 3 == 0, CORRUPT)?;
        let kinds: [(&[i32], u64, u8); 3] =
            [(&LENGTHS, 9, 35), (&OFFSETS, 8, 31), (&MATCHES, 9, 52)];
        for (index, (predefined, log, largest)) in kinds.into_iter().enumerate() {
            let table = match modes >> (6 - 2 * index) & 3 {
                0 => Fse::new(predefined),
                1 => {
                    let symbol = bytes.byte()?;
                    require(symbol <= largest, CORRUPT)?;
                    Fse::single(symbol)
                }
                2 => Fse::read(bytes, log, usize::from(largest))?,
                _ => self.tables[index].take().ok_or(CORRUPT)?,
            };
            self.tables[index] = Some(table);
        }
        Ok(())
    }

    /// Adds what `count` sequences stand for; returns the literals that are left.
    fn sequences<'l>(
        &mut self,
        bytes: &mut Bytes,
        count: u64,
        mut literals: &'l [u8],
        end: usize,
    ) -> Result<&'l [u8]> {
        self.read_tables(bytes)?;
        let [Some(lengths), Some(offsets), Some(matches)] = &self.tables else {
            return Err(CORRUPT);
        };
        let bits = &mut Reverse::new(std::mem::take(&mut bytes.rest))?;
        let mut states = [lengths.start(bits)?, offsets.start(bits)?, matches.start(bits)?];
        for left in (0..count).rev() {
            let code = u32::from(offsets.symbol(states[1]));
            let offset = (1 << code) + bits.take(code)?;
            let copied = 3 + length(matches.symbol(states[2]), 32, &MATCH_BITS, bits)?;
            let taken = length(lengths.symbol(states[0]), 16, &LENGTH_BITS, bits)?;
            if left > 0 {
                states[0] = lengths.next(states[0], bits)?;
                states[2] = matches.next(states[2], bits)?;
                states[1] = offsets.next(states[1], bits)?;
            }
            require(self.out.len() + taken + copied <= end, CORRUPT)?;
            let (now, later) = literals.split_at_checked(taken).ok_or(CORRUPT)?;
            literals = later;
            self.out.extend_from_slice(now);
            let distance = used_offset(&mut self.recent, offset, taken == 0) as usize;
            let reach = self.window.min(self.out.len());
            require((1..=reach).contains(&distance), CORRUPT)?;
            let start = self.out.len() - distance;
            let mut left = copied;
            while left > 0 {
                let step = left.min(self.out.len() - start);
                self.out.extend_from_within(start..start + step);
                left -= step;
            }
        }
        require(bits.left == 0, CORRUPT)?;
        Ok(literals)
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

/// A length: codes below `plain` stand for themselves; each of the others starts where the one
/// before ends, and takes the bits that `extra` says.
fn length(code: u8, plain: usize, extra: &[u32], bits: &mut Reverse) -> Result<usize> {
    let code = usize::from(code);
    let Some(place) = code.checked_sub(plain) else { return Ok(code) };
    let base = extra[..place].iter().fold(plain, |base, bits| base + (1 << bits));
    Ok(base + bits.take(extra[place])? as usize)
}

const LENGTH_BITS: [u32; 20] = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS: [u32; 21] =
    [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

const LENGTHS: [i32; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const OFFSETS: [i32; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
const MATCHES: [i32; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
