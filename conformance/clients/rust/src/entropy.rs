//! Finite State Entropy and Huffman codes (RFC 8878, sections 4.1 and 4.2).

use std::iter::repeat;

use crate::bytes::{bits_at, Bytes};
use crate::refusal::{require, Result};

pub const CORRUPT: &str = "zstd-corrupt";

/// Bits that are read from the end of a run of bytes to its start; zeros follow.
pub struct Reverse<'a> {
    data: &'a [u8],
    pub left: i64, // in bits; below 0 if more were read than there are
}

impl<'a> Reverse<'a> {
    /// The bits below the highest 1 of the last byte.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let last = data.last().and_then(|last| last.checked_ilog2()).ok_or(CORRUPT)?;
        Ok(Reverse { data, left: data.len() as i64 * 8 - 8 + i64::from(last) })
    }

    /// The next `size` bits, at most 31.
    pub fn take(&mut self, size: u32) -> u64 {
        self.left -= i64::from(size);
        let missing = (-self.left).clamp(0, size.into()) as u32;
        bits_at(self.data, self.left.max(0) as u64, size - missing) << missing
    }
}

/// A state of a decoder: what it says, and how the next one is found.
#[derive(Clone, Copy, Default)]
pub struct State {
    pub symbol: u8,
    bits: u32,
    base: usize,
}

/// As many states as a power of two says.
pub struct Table(Vec<State>);

impl Table {
    /// Of probabilities that add up to a power of two; -1 is "less than 1".
    pub fn of_probabilities(probabilities: &[i32], largest_symbol: u8) -> Result<Self> {
        require(probabilities.len() <= usize::from(largest_symbol) + 1, CORRUPT)?;
        let mut places: Vec<_> = probabilities.iter().map(|p| p.unsigned_abs() as usize).collect();
        let size = places.iter().sum::<usize>();
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
            state.bits = size.ilog2() - place.ilog2();
            state.base = (*place << state.bits) - size;
            *place += 1;
        }
        Ok(Table(states))
    }

    /// Of the Huffman codes that are described at the start of `bytes`. Such a state is the bits
    /// that come next, as many as the longest code has.
    pub fn of_huffman(bytes: &mut Bytes) -> Result<Self> {
        let mut weights = read_weights(bytes)?;
        require(weights.iter().all(|&weight| weight <= LONGEST), CORRUPT)?;
        let total = weights.iter().map(|&weight| 1 << weight >> 1).sum::<usize>();
        let size = (total + 1).next_power_of_two();
        let missing = size - total;
        require(total > 0 && size <= 1 << LONGEST && missing.is_power_of_two(), CORRUPT)?;
        weights.push(missing.ilog2() as u8 + 1);
        require(weights.contains(&1), CORRUPT)?;
        let mut states = Vec::with_capacity(size);
        for weight in 1..=LONGEST {
            for (symbol, _) in weights.iter().enumerate().filter(|(_, &other)| other == weight) {
                for _ in 0..1 << (weight - 1) {
                    let bits = size.ilog2() + 1 - u32::from(weight);
                    let base = (states.len() << bits) % size;
                    states.push(State { symbol: symbol as u8, bits, base });
                }
            }
        }
        Ok(Table(states))
    }

    pub fn start(&self, bits: &mut Reverse) -> State {
        self.0[bits.take(self.0.len().ilog2()) as usize]
    }

    pub fn next(&self, state: State, bits: &mut Reverse) -> State {
        self.0[state.base + bits.take(state.bits) as usize]
    }

    /// Adds the `count` symbols of a stream of Huffman codes to `out`.
    pub fn decode(&self, stream: &[u8], count: usize, out: &mut Vec<u8>) -> Result<()> {
        let bits = &mut Reverse::new(stream)?;
        let mut state = self.start(bits);
        for _ in 0..count {
            out.push(state.symbol);
            state = self.next(state, bits);
        }
        // The last state is all zeros that follow.
        require(bits.left == -i64::from(self.0.len().ilog2()), CORRUPT)
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

/// The weights of symbols, but for the last one, that are described at the start of `bytes`.
fn read_weights(bytes: &mut Bytes) -> Result<Vec<u8>> {
    let header = bytes.integer(1)?;
    if header > 127 {
        let pairs = bytes.take((header - 127).div_ceil(2))?.iter();
        let weights = pairs.flat_map(|pair| [pair >> 4, pair & 15]);
        return Ok(weights.take(header as usize - 127).collect());
    }
    let mut bytes = Bytes { rest: bytes.take(header)?, short: CORRUPT };
    let table = Table::of_probabilities(&read_probabilities(&mut bytes, 6)?, u8::MAX)?;
    let bits = &mut Reverse::new(bytes.rest)?;
    // Two states take turns until the bits end.
    let (mut state, mut other) = (table.start(bits), table.start(bits));
    require(bits.left >= 0, CORRUPT)?;
    let mut weights = Vec::new();
    while bits.left >= 0 {
        require(weights.len() < 254, CORRUPT)?;
        weights.push(state.symbol);
        (state, other) = (other, table.next(state, bits));
    }
    weights.push(state.symbol);
    Ok(weights)
}
