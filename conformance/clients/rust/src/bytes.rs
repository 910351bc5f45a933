//! Fields of a run of bytes, front to back (section 2 and Appendix B.1).

use crate::refusal::{require, Code, Result};

#[derive(Clone)]
pub struct Bytes<'a> {
    pub rest: &'a [u8],
    /// The code of a field that the bytes end in.
    short: Code,
}

impl<'a> Bytes<'a> {
    pub fn new(rest: &'a [u8], short: Code) -> Self {
        Bytes { rest, short }
    }

    pub fn take(&mut self, size: u64) -> Result<&'a [u8]> {
        require(size <= self.rest.len() as u64, self.short)?;
        let (taken, rest) = self.rest.split_at(size as usize);
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for index in 0..8 {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << (7 * index);
            if byte < 128 {
                require(byte != 0 || index == 0, "varint-overlong")?;
                require(value < 1 << 53, "varint-overflow")?;
                return Ok(value);
            }
        }
        Err("varint-overflow")
    }
}

/// `floor(log2 value)`, and 0 of 0.
pub fn width(value: u64) -> u32 {
    (value | 1).ilog2()
}

/// `size` bits (at most 56) from bit `at` of `data`, bit 0 of byte 0 first; zeros after its end.
pub fn bits_at(data: &[u8], at: u64, size: u32) -> u64 {
    let start = (at / 8) as usize;
    let window = match data.get(start..start.saturating_add(8)).and_then(|s| s.try_into().ok()) {
        Some(bytes) => u64::from_le_bytes(bytes),
        None => {
            let tail = data.get(start..).unwrap_or(&[]).iter().rev();
            tail.fold(0, |value, &byte| value << 8 | u64::from(byte))
        }
    };
    window >> (at % 8) & ((1 << size) - 1)
}
