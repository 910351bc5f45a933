//! Fields of a run of bytes, front to back (section 2 and Appendix B.1).

use crate::refusal::{require, Code, Result};

#[derive(Clone)]
pub struct Bytes<'a> {
    pub rest: &'a [u8],
    pub short: Code, // of a field that the bytes end in
}

impl<'a> Bytes<'a> {
    pub fn take(&mut self, size: u64) -> Result<&'a [u8]> {
        require(size <= self.rest.len() as u64, self.short)?;
        let (taken, rest) = self.rest.split_at(size as usize);
        self.rest = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// An integer of `size` bytes, at most 8.
    pub fn integer(&mut self, size: u64) -> Result<u64> {
        self.take(size).map(little_endian)
    }

    pub fn varint(&mut self) -> Result<u64> {
        let more = self.rest.iter().take(8).take_while(|&&byte| byte > 127).count();
        require(more < 8, "varint-overflow")?;
        let groups = self.take(more as u64 + 1)?;
        require(more == 0 || groups[more] > 0, "varint-overlong")?;
        let value = groups.iter().rev().fold(0, |value, &byte| value << 7 | u64::from(byte & 127));
        require(value < 1 << 53, "varint-overflow")?;
        Ok(value)
    }
}

/// The unsigned integer that at most 8 bytes say.
pub fn little_endian(bytes: &[u8]) -> u64 {
    match bytes.try_into() {
        Ok(word) => u64::from_le_bytes(word),
        Err(_) => bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)),
    }
}

/// `size` bits (at most 56) from bit `at` of `data`, bit 0 of byte 0 first; zeros after its end.
pub fn bits_at(data: &[u8], at: u64, size: u32) -> u64 {
    let rest = data.get((at / 8) as usize..).unwrap_or(&[]);
    let window = little_endian(&rest[..rest.len().min(8)]);
    window >> (at % 8) & ((1 << size) - 1)
}

/// The halves of bytes, the lower one first.
pub fn halves(data: &[u8]) -> impl Iterator<Item = u8> + Clone + '_ {
    data.iter().flat_map(|byte| [byte & 15, byte >> 4])
}

/// `floor(log2 value)`, and 0 of 0.
pub fn width(value: u64) -> u32 {
    (value | 1).ilog2()
}
