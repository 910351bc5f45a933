//! Finite State Entropy, decoded (RFC 8878, section 4.1).

use crate::bytes::bits_at;
use crate::refusal::{require, Result};
use crate::reverse::{Reverse, CORRUPT};

#[derive(Clone, Copy, Default)]
struct Cell {
    symbol: u8,
    bits: u32,
    base: u16,
}

#[derive(Clone)]
pub struct Table {
    cells: Vec<Cell>,
}

impl Table {
    /// The table of one symbol, which takes no bits.
    pub fn single(symbol: u8) -> Self {
        Table { cells: vec![Cell { symbol, ..Cell::default() }] }
    }

    /// The table of probabilities that add up to a power of two from 32 on; -1 is "less than 1".
    pub fn new(probabilities: &[i16]) -> Self {
        let size = probabilities.iter().map(|p| usize::from(p.unsigned_abs())).sum::<usize>();
        let mut cells = vec![Cell::default(); size];
        let mut end = size;
        for (symbol, _) in probabilities.iter().enumerate().filter(|(_, &p)| p < 0) {
            end -= 1;
            cells[end].symbol = symbol as u8;
        }
        let mut at = 0;
        for (symbol, &probability) in probabilities.iter().enumerate() {
            for _ in 0..probability.max(0) {
                cells[at].symbol = symbol as u8;
                at = next_cell(at, size);
                while at >= end {
                    at = next_cell(at, size);
                }
            }
        }
        let mut order: Vec<u32> =
            probabilities.iter().map(|p| u32::from(p.unsigned_abs())).collect();
        for cell in &mut cells {
            let place = &mut order[usize::from(cell.symbol)];
            cell.bits = size.ilog2() - place.ilog2();
            cell.base = ((*place << cell.bits) - size as u32) as u16;
            *place += 1;
        }
        Table { cells }
    }

    /// A table from its description at the start of `data`, and the bytes that follow it.
    pub fn read(data: &[u8], largest_log: u32, largest_symbol: usize) -> Result<(Self, &[u8])> {
        let log = bits_at(data, 0, 4) as u32 + 5;
        require(!data.is_empty() && log <= largest_log, CORRUPT)?;
        let (mut at, mut left, mut probabilities) = (4, 1i16 << log, Vec::new());
        while left > 0 {
            require(probabilities.len() <= largest_symbol, CORRUPT)?;
            let size = (left as u32 + 1).ilog2() + 1;
            let short = (1 << size) - 1 - (left as u64 + 1); // values that take one bit less
            let low = bits_at(data, at, size - 1);
            let mut value = bits_at(data, at, size);
            at += u64::from(size);
            if low < short {
                at -= 1;
                value = low;
            } else if value >> (size - 1) == 1 {
                value -= short;
            }
            let probability = value as i16 - 1;
            probabilities.push(probability);
            left -= probability.abs();
            let mut more = if probability == 0 { 3 } else { 0 };
            while more == 3 {
                more = bits_at(data, at, 2);
                at += 2;
                probabilities.extend((0..more).map(|_| 0));
                require(probabilities.len() <= largest_symbol, CORRUPT)?;
            }
        }
        let rest = data.get(at.div_ceil(8) as usize..).ok_or(CORRUPT)?;
        require(probabilities.iter().filter(|&&p| p != 0).count() > 1, CORRUPT)?;
        Ok((Table::new(&probabilities), rest))
    }

    pub fn start(&self, bits: &mut Reverse) -> Result<usize> {
        Ok(bits.take(self.cells.len().ilog2())? as usize)
    }

    pub fn symbol(&self, state: usize) -> u8 {
        self.cells[state].symbol
    }

    /// The state after `state`; an error if the bits end before.
    pub fn next(&self, state: usize, bits: &mut Reverse) -> Result<usize> {
        let cell = self.cells[state];
        Ok(usize::from(cell.base) + bits.take(cell.bits)? as usize)
    }
}

fn next_cell(at: usize, size: usize) -> usize {
    (at + (size >> 1) + (size >> 3) + 3) & (size - 1)
}
