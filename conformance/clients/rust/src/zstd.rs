//! Blocks of a Zstandard frame (RFC 8878, sections 3.1.1.2 to 3.1.1.5).

use std::iter::repeat;

use crate::bytes::Bytes;
use crate::entropy::{read_probabilities, Reverse, Table, CORRUPT};
use crate::refusal::{require, Result};

const LARGEST_BLOCK: u64 = 1 << 17;

/// The next block of a frame: whether it is the last one, its type, its size by its header, and
/// what follows that.
pub fn read_block<'a>(bytes: &mut Bytes<'a>, window: u64) -> Result<(bool, u64, u64, &'a [u8])> {
    let header = bytes.integer(3)?;
    let (kind, size) = (header >> 1 & 3, header >> 3);
    require(kind != 3 && size <= window.min(LARGEST_BLOCK), "zstd-block")?;
    Ok((header & 1 == 1, kind, size, bytes.take(if kind == 1 { 1 } else { size })?))
}

/// The `size` bytes that the blocks of a frame decode to.
pub fn decode(mut blocks: Bytes, window: u64, size: u64) -> Result<Vec<u8>> {
    let mut decoder = Decoder { recent: [1, 4, 8], window, ..Decoder::default() };
    decoder.out.try_reserve_exact(size as usize).map_err(|_| "x-no-memory")?;
    loop {
        let (last, kind, block_size, content) = read_block(&mut blocks, window)?;
        let room = size - decoder.out.len() as u64;
        match kind {
            2 => decoder.block(content, room.min(window).min(LARGEST_BLOCK))?,
            _ if block_size > room => return Err(CORRUPT),
            0 => decoder.out.extend_from_slice(content),
            _ => decoder.out.extend(repeat(content[0]).take(block_size as usize)),
        }
        if last {
            break;
        }
    }
    require(decoder.out.len() as u64 == size, CORRUPT)?;
    Ok(decoder.out)
}

/// What the blocks so far decode to, and what each leaves to the next one.
#[derive(Default)]
struct Decoder {
    out: Vec<u8>,
    window: u64,
    end: usize, // of the block at hand, at most
    literals: Option<Table>,
    tables: [Option<Table>; 3], // of KINDS
    recent: [usize; 3],         // distances
}

impl Decoder {
    /// Adds what a compressed block stands for, at most `room` bytes.
    fn block(&mut self, data: &[u8], room: u64) -> Result<()> {
        self.end = self.out.len() + room as usize;
        let mut bytes = Bytes { rest: data, short: CORRUPT };
        let literals = self.read_literals(&mut bytes, room)?;
        let mut literals = Bytes { rest: &literals, short: CORRUPT };
        self.sequences(bytes, &mut literals)?;
        require(self.out.len() + literals.rest.len() <= self.end, CORRUPT)?;
        self.out.extend_from_slice(literals.rest);
        Ok(())
    }

    fn read_literals(&mut self, bytes: &mut Bytes, room: u64) -> Result<Vec<u8>> {
        let first = bytes.rest.first().ok_or(CORRUPT)?;
        let (kind, format) = (first & 3, usize::from(first >> 2 & 3));
        let coded = kind > 1;
        let header_size = [[1, 2, 1, 3], [3, 3, 4, 5]][usize::from(coded)][format];
        let header = bytes.integer(header_size)? >> if coded || format & 1 == 1 { 4 } else { 3 };
        let bits = 4 * header_size - 2; // of each of the two sizes that stand before Huffman codes
        let size = if coded { header & ((1 << bits) - 1) } else { header };
        require(size <= room, CORRUPT)?;
        let count = size as usize;
        match kind {
            0 => return Ok(bytes.take(size)?.to_vec()),
            1 => return Ok(vec![bytes.byte()?; count]),
            _ => {}
        }
        let mut data = Bytes { rest: bytes.take(header >> bits)?, short: CORRUPT };
        if kind == 2 {
            self.literals = Some(Table::of_huffman(&mut data)?);
        }
        let codes = self.literals.as_ref().ok_or(CORRUPT)?;
        let mut literals = Vec::with_capacity(count);
        if format > 0 {
            require(count >= 6, CORRUPT)?; // four streams: erratum 7297
            for size in [data.integer(2)?, data.integer(2)?, data.integer(2)?] {
                codes.decode(data.take(size)?, count.div_ceil(4), &mut literals)?;
            }
        }
        let left = count.checked_sub(literals.len()).ok_or(CORRUPT)?;
        codes.decode(data.rest, left, &mut literals)?;
        Ok(literals)
    }

    /// Adds what the sequences in `bytes` stand for, and takes from the literals what they use.
    fn sequences(&mut self, mut bytes: Bytes, literals: &mut Bytes) -> Result<()> {
        let count = match bytes.integer(1)? {
            first @ 0..=127 => first,
            255 => bytes.integer(2)? + 0x7F00,
            first => (first - 128) << 8 | bytes.integer(1)?,
        };
        if count == 0 {
            return require(bytes.rest.is_empty(), CORRUPT);
        }
        self.read_tables(&mut bytes)?;
        let [Some(lengths), Some(offsets), Some(matches)] = &self.tables else {
            return Err(CORRUPT);
        };
        let bits = &mut Reverse::new(bytes.rest)?;
        let mut taken = lengths.start(bits);
        let mut offset = offsets.start(bits);
        let mut copied = matches.start(bits);
        for left in (0..count).rev() {
            let value = (1 << offset.symbol) + bits.take(offset.symbol.into()) as usize;
            let copy = 3 + length(copied.symbol, 32, &MATCH_BITS, bits) as usize;
            let literals = literals.take(length(taken.symbol, 16, &LENGTH_BITS, bits))?;
            if left > 0 {
                taken = lengths.next(taken, bits);
                copied = matches.next(copied, bits);
                offset = offsets.next(offset, bits);
            }
            require(self.out.len() + literals.len() + copy <= self.end, CORRUPT)?;
            self.out.extend_from_slice(literals);
            let distance = used_offset(&mut self.recent, value, literals.is_empty());
            let reach = self.out.len().min(self.window as usize);
            require((1..=reach).contains(&distance), CORRUPT)?;
            // What is copied may be part of the copy.
            let (start, end) = (self.out.len() - distance, self.out.len() + copy);
            while self.out.len() < end {
                let step = (end - self.out.len()).min(self.out.len() - start);
                self.out.extend_from_within(start..start + step);
            }
        }
        require(bits.left == 0, CORRUPT)
    }

    fn read_tables(&mut self, bytes: &mut Bytes) -> Result<()> {
        let modes = bytes.byte()?;
        require(modes & 3 == 0, CORRUPT)?;
        for (index, (predefined, log, largest)) in KINDS.into_iter().enumerate() {
            let probabilities = match modes >> (6 - 2 * index) & 3 {
                0 => predefined.iter().flat_map(|&(p, symbols)| repeat(p).take(symbols)).collect(),
                1 => [vec![0; bytes.byte()?.into()], vec![1]].concat(), // of one symbol
                2 => read_probabilities(bytes, log)?,
                _ if self.tables[index].is_some() => continue,
                _ => return Err(CORRUPT),
            };
            self.tables[index] = Some(Table::of_probabilities(&probabilities, largest)?);
        }
        Ok(())
    }
}

/// The distance that an offset value stands for; it becomes the most recent one.
fn used_offset(recent: &mut [usize; 3], value: usize, no_literals: bool) -> usize {
    let place = value - 1 + usize::from(no_literals);
    match place {
        _ if value > 3 => *recent = [value - 3, recent[0], recent[1]],
        0..=2 => recent[..=place].rotate_right(1),
        _ => *recent = [recent[0].saturating_sub(1), recent[0], recent[1]],
    }
    recent[0]
}

/// A length: codes below `plain` stand for themselves; each of the others starts where the one
/// before ends, and takes the bits that `extra` says.
fn length(code: u8, plain: u8, extra: &[u32], bits: &mut Reverse) -> u64 {
    let Some(place) = code.checked_sub(plain).map(usize::from) else { return code.into() };
    let before = extra[..place].iter().map(|bits| 1 << bits).sum::<u64>();
    u64::from(plain) + before + bits.take(extra[place])
}

type Kind = (&'static [(i32, usize)], u64, u8);

/// Of literals lengths, offsets and match lengths: predefined probabilities, each with the number
/// of symbols that have it in turn; the largest log2 of a table's size; the largest symbol.
const KINDS: [Kind; 3] = [
    (&[(4, 1), (3, 1), (2, 11), (1, 3), (2, 9), (3, 1), (2, 1), (1, 5), (-1, 4)], 9, 35),
    (&[(1, 6), (2, 3), (1, 15), (-1, 5)], 8, 31),
    (&[(1, 1), (4, 1), (3, 1), (2, 6), (1, 37), (-1, 7)], 9, 52),
];
const LENGTH_BITS: [u32; 20] = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS: [u32; 21] =
    [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
