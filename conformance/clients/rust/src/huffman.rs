//! Huffman-coded literals (RFC 8878, section 4.2).

use crate::fse::Table;
use crate::refusal::{require, Result};
use crate::reverse::{Reverse, CORRUPT};

const LONGEST: u32 = 11;

pub struct Tree {
    depth: u32,
    /// Symbol and size of the code that each `depth` bits start with.
    codes: Vec<(u8, u8)>,
}

impl Tree {
    /// A tree from its description at the start of `data`, and the bytes that follow it.
    pub fn read(data: &[u8]) -> Result<(Self, &[u8])> {
        let (&header, data) = data.split_first().ok_or(CORRUPT)?;
        let direct = usize::from(header.max(127)) - 127;
        let size = if direct > 0 { direct.div_ceil(2) } else { usize::from(header) };
        let (description, rest) = data.split_at_checked(size).ok_or(CORRUPT)?;
        let mut weights = match direct {
            0 => weights(description)?,
            _ => description.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(direct).collect(),
        };
        require(weights.iter().all(|&weight| u32::from(weight) <= LONGEST), CORRUPT)?;
        let total = weights.iter().map(|&weight| 1u32 << weight >> 1).sum::<u32>();
        require(total > 0, CORRUPT)?;
        let depth = total.ilog2() + 1;
        let missing = (1 << depth) - total;
        require(depth <= LONGEST && missing.is_power_of_two(), CORRUPT)?;
        weights.push(missing.ilog2() as u8 + 1);
        require(weights.contains(&1), CORRUPT)?;
        let mut codes = Vec::with_capacity(1 << depth);
        for weight in 1..=depth as u8 {
            for (symbol, _) in weights.iter().enumerate().filter(|(_, &w)| w == weight) {
                let code = (symbol as u8, depth as u8 + 1 - weight);
                codes.resize(codes.len() + (1 << (weight - 1)), code);
            }
        }
        Ok((Tree { depth, codes }, rest))
    }

    /// Adds `count` symbols of one stream to `out`.
    pub fn decode(&self, stream: &[u8], count: usize, out: &mut Vec<u8>) -> Result<()> {
        let mut bits = Reverse::new(stream)?;
        for _ in 0..count {
            let (symbol, size) = self.codes[bits.peek(self.depth) as usize];
            bits.skip(u32::from(size))?;
            out.push(symbol);
        }
        bits.finish()
    }
}

/// Weights that two states of one table say in turn, until the bits end.
fn weights(data: &[u8]) -> Result<Vec<u8>> {
    let (table, data) = Table::read(data, 6, 255)?;
    let mut bits = Reverse::new(data)?;
    let mut states = [table.start(&mut bits)?, table.start(&mut bits)?];
    let mut weights = Vec::new();
    loop {
        require(weights.len() < 254, CORRUPT)?;
        weights.push(table.symbol(states[0]));
        let Ok(next) = table.next(states[0], &mut bits) else {
            weights.push(table.symbol(states[1]));
            return Ok(weights);
        };
        states = [states[1], next];
    }
}
