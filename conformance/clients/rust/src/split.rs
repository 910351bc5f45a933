//! Split integers (section 7.3 and Appendix B.2), read where they lie.

use crate::bytes::bits_at;
use crate::refusal::{require, Result};

#[derive(Clone)]
pub struct Split<'a> {
    count: u64,
    widths: &'a [u8],
    wide: &'a [u8],
    low: &'a [u8],
    index: u64,
    bit: u64,
}

impl<'a> Split<'a> {
    /// `count` integers that fill `data`.
    pub fn new(data: &'a [u8], count: u64) -> Result<Self> {
        let pairs = count.div_ceil(2);
        require(pairs <= data.len() as u64, "integer-size")?;
        let (widths, rest) = data.split_at(pairs as usize);
        let unused = if count % 2 == 1 { widths[widths.len() - 1] >> 4 } else { 0 };
        require(unused == 0, "padding-bits")?;
        let nibbles = widths.iter().flat_map(|&pair| [pair & 15, pair >> 4]);
        let (mut wide, mut bits) = (0, 0);
        for width in nibbles {
            match width {
                15 => wide += 1,
                _ => bits += u64::from(width),
            }
        }
        let (wide, low) = rest.split_at_checked(wide).ok_or("integer-size")?;
        require(wide.iter().all(|width| (15..=52).contains(width)), "integer-width")?;
        bits += wide.iter().map(|&width| u64::from(width)).sum::<u64>();
        require(low.len() as u64 == bits.div_ceil(8), "integer-size")?;
        require(bits % 8 == 0 || low[low.len() - 1] >> (bits % 8) == 0, "padding-bits")?;
        Ok(Split { count, widths, wide, low, index: 0, bit: 0 })
    }
}

impl Iterator for Split<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.index == self.count {
            return None;
        }
        let pair = self.widths[(self.index / 2) as usize];
        let mut width = u32::from(if self.index % 2 == 0 { pair & 15 } else { pair >> 4 });
        if width == 15 {
            let (&first, rest) = self.wide.split_first()?;
            (width, self.wide) = (u32::from(first), rest);
        }
        let value = 1 << width | bits_at(self.low, self.bit, width);
        self.index += 1;
        self.bit += u64::from(width);
        Some(value)
    }
}
