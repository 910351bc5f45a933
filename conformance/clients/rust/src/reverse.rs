//! Bits that are read from the end of a run of bytes to its start (RFC 8878, sections 4.1, 4.2).

use crate::bytes::bits_at;
use crate::refusal::{require, Result};

pub const CORRUPT: &str = "zstd-corrupt";

pub struct Reverse<'a> {
    data: &'a [u8],
    /// Bits that are left.
    pub left: u64,
}

impl<'a> Reverse<'a> {
    /// The bits below the highest 1 of the last byte.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let last = data.last().filter(|&&last| last != 0).ok_or(CORRUPT)?;
        Ok(Reverse { data, left: data.len() as u64 * 8 - 8 + u64::from(last.ilog2()) })
    }

    /// The next `size` bits, at most 31, which stay; zeros follow the last bit.
    pub fn peek(&self, size: u32) -> u64 {
        match self.left.checked_sub(u64::from(size)) {
            Some(at) => bits_at(self.data, at, size),
            None => bits_at(self.data, 0, self.left as u32) << (u64::from(size) - self.left),
        }
    }

    pub fn skip(&mut self, size: u32) -> Result<()> {
        self.left = self.left.checked_sub(u64::from(size)).ok_or(CORRUPT)?;
        Ok(())
    }

    pub fn take(&mut self, size: u32) -> Result<u64> {
        let value = self.peek(size);
        self.skip(size)?;
        Ok(value)
    }

    /// All bits must have been read.
    pub fn finish(self) -> Result<()> {
        require(self.left == 0, CORRUPT)
    }
}
