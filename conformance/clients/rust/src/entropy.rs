//! Finite State Entropy and Huffman codes (RFC 8878, sections 4.1 and 4.2).

use std::iter::repeat;

use crate::bytes::{bits_at, Bytes};
use crate::refusal::{require, Result};

pub const CORRUPT: &str = "zstd-corrupt";

/// Bits that are read from the end of a run of bytes to its start.
pub struct Reverse<'a> {
    data: &'a [u8],
    pub left: u64, // in bits
}

impl<'a> Reverse<'a> {
    /// The bits below the highest 1 of the last byte.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let last = data.last().and_then(|last| last.checked_ilog2()).ok_or(CORRUPT)?;
        Ok(Reverse { data, left: data.len() as u64 * 8 - 8 + u64::from(last) })
    }

    /// The next `size` bits, at most 31, which stay; zeros follow the last bit.
    fn peek(&self, size: u32) -> u64 {
        match self.left.checked_sub(size.into()) {
            Some(at) => bits_at(self.data, at, size),
            None => bits_at(self.data, 0, self.left as u32) << (u64::from(size) - self.left),
        }
    }

    pub fn take(&mut self, size: u32) -> Result<u64> {
        let value = self.peek(size);
        self.left = self.left.checked_sub(size.into()).ok_or(CORRUPT)?;
        Ok(value)
    }
}

/// A state of a decoder: what it says, and how the next one is found.
#[derive(Clone, Copy, Default)]
pub struct State {
    pub symbol: u8,
    bits: u32,
    base: u32,
}

pub struct Fse(Vec<State>);

impl Fse {
    /// The table of probabilities that add up to a power of two; -1 is "less than 1".
    pub fn new(probabilities: &[i32], largest_symbol: u8) -> Result<Self> {
        require(probabilities.len() <= usize::from(largest_symbol) + 1, CORRUPT)?;
        let mut places: Vec<u32> = probabilities.iter().map(|p| p.unsigned_abs()).collect();
        let log = places.iter().sum::<u32>().ilog2();
        let size = 1 << log;
        let mut states = vec![State::default(); size];
        let symbols = || (0..=u8::MAX).zip(probabilities);
        let rare = symbols().filter(|(_, &p)| p < 0).map(|(symbol, _)| symbol);
        let usual = symbols().flat_map(|(symbol, &p)| repeat(symbol).take(p.max(0) as usize));
        let end = size - rare.clone().count();
        let spread = (0..size).map(|turn| turn * (size / 2 + size / 8 + 3) % size);
        let order = (end..size).rev().chain(spread.filter(|&at| at < end));
        for (at, symbol) in order.zip(rare.chain(usual)) {
            states[at].symbol = symbol;
        }
        for state in &mut states {
            let place = &mut places[usize::from(state.symbol)];
            state.bits = log - place.ilog2();
            state.base = (*place << state.bits) - (1 << log);
            *place += 1;
        }
        Ok(Fse(states))
    }

    pub fn start(&self, bits: &mut Reverse) -> Result<State> {
        self.next(State { bits: self.0.len().ilog2(), ..State::default() }, bits)
    }

    /// The state after `state`; an error if the bits end before.
    pub fn next(&self, state: State, bits: &mut Reverse) -> Result<State> {
        Ok(self.0[state.base as usize + bits.take(state.bits)? as usize])
    }
}

/// The probabilities that are described at the start of `bytes`.
pub fn read_probabilities(bytes: &mut Bytes, largest_log: u64) -> Result<Vec<i32>> {
    let log = bits_at(bytes.rest, 0, 4) + 5;
    require(log <= largest_log, CORRUPT)?;
    let (mut at, mut left, mut probabilities) = (4, 1u64 << log, Vec::new());
    while left > 0 {
        let size = (left + 1).ilog2();
        let short = (2 << size) - 2 - left; // values that take no bit more
        let mut value = bits_at(bytes.rest, at, size);
        at += u64::from(size);
        if value >= short {
            value += bits_at(bytes.rest, at, 1) * ((1 << size) - short);
            at += 1;
        }
        probabilities.push(value as i32 - 1);
        left -= value.abs_diff(1);
        let mut zeros = if value == 1 { 3 } else { 0 };
        while zeros == 3 {
            zeros = bits_at(bytes.rest, at, 2) as usize;
            at += 2;
            probabilities.resize(probabilities.len() + zeros, 0);
        }
    }
    bytes.take(at.div_ceil(8))?;
    require(probabilities.iter().filter(|&&p| p != 0).count() > 1, CORRUPT)?;
    Ok(probabilities)
}

const LONGEST: u8 = 11;

/// Symbol and size of the code that each number of as many bits as the longest code starts with.
pub struct Huffman(Vec<(u8, u8)>);

impl Huffman {
    /// The codes that are described at the start of `bytes`.
    pub fn read(bytes: &mut Bytes) -> Result<Self> {
        let header = bytes.integer(1)?;
        let mut weights = if header < 128 {
            fse_weights(bytes.take(header)?)?
        } else {
            let pairs = bytes.take((header - 127).div_ceil(2))?.iter();
            pairs.flat_map(|pair| [pair >> 4, pair & 15]).take(header as usize - 127).collect()
        };
        require(weights.iter().all(|&weight| weight <= LONGEST), CORRUPT)?;
        let total = weights.iter().map(|&weight| 1u32 << weight >> 1).sum::<u32>();
        let depth = total.checked_ilog2().ok_or(CORRUPT)? as u8 + 1;
        let missing = (1 << depth) - total;
        require(depth <= LONGEST && missing.is_power_of_two(), CORRUPT)?;
        weights.push(missing.ilog2() as u8 + 1);
        require(weights.contains(&1), CORRUPT)?;
        let mut codes = Vec::with_capacity(1 << depth);
        for weight in 1..=depth {
            for (symbol, _) in weights.iter().enumerate().filter(|(_, &other)| other == weight) {
                codes.extend(repeat((symbol as u8, depth + 1 - weight)).take(1 << (weight - 1)));
            }
        }
        Ok(Huffman(codes))
    }

    /// Adds `count` symbols of one stream to `out`.
    pub fn decode(&self, stream: &[u8], count: usize, out: &mut Vec<u8>) -> Result<()> {
        let mut bits = Reverse::new(stream)?;
        for _ in 0..count {
            let (symbol, size) = self.0[bits.peek(self.0.len().ilog2()) as usize];
            bits.take(size.into())?;
            out.push(symbol);
        }
        require(bits.left == 0, CORRUPT)
    }
}

/// Weights that two states of one table say in turn, until the bits end.
fn fse_weights(data: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Bytes { rest: data, short: CORRUPT };
    let table = Fse::new(&read_probabilities(&mut bytes, 6)?, u8::MAX)?;
    let bits = &mut Reverse::new(bytes.rest)?;
    let (mut state, mut other) = (table.start(bits)?, table.start(bits)?);
    let mut weights = Vec::new();
    while let Ok(next) = table.next(state, bits) {
        weights.push(state.symbol);
        require(weights.len() < 254, CORRUPT)?;
        (state, other) = (other, next);
    }
    weights.extend([state.symbol, other.symbol]);
    Ok(weights)
}
