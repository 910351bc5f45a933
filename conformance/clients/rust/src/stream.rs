//! Streams: stored, or one Zstandard frame of the profile (section 7).

use std::borrow::Cow;

use crate::bytes::Bytes;
use crate::refusal::{require, Result};
use crate::zstd::{decode, read_block};

/// A stream that has passed the checks that need no decoding.
pub struct Stream<'a> {
    pub size: u64,       // decoded, in bytes
    window: Option<u64>, // of a frame
    content: Bytes<'a>,  // what is stored, or the blocks of a frame
}

impl<'a> Stream<'a> {
    pub fn new(data: &'a [u8], compressed: bool) -> Result<Self> {
        let mut bytes = Bytes { rest: data, short: "zstd-frame" };
        if !compressed {
            return Ok(Stream { size: data.len() as u64, window: None, content: bytes });
        }
        let (magic, descriptor) = (bytes.integer(4)?, bytes.byte()?);
        require(magic >> 4 != 0x184_D2A5, "zstd-skippable")?;
        require(magic == 0xFD2F_B528 && descriptor & 8 == 0, "zstd-frame")?;
        require(descriptor & 4 == 0, "zstd-checksum")?;
        require(descriptor & 3 == 0, "zstd-dictionary")?;
        let (single, form) = (descriptor & 32 != 0, descriptor >> 6);
        require(single || form > 0, "zstd-no-size")?;
        let window = if single { 0 } else { bytes.integer(1)? };
        let size = bytes.integer(1 << form)? + if form == 1 { 256 } else { 0 };
        let base = 1 << (10 + (window >> 3));
        let window = if single { size } else { base + base / 8 * (window & 7) };
        require(window <= 1 << 23 && window >= size.min(1 << 23), "zstd-window")?;
        let content = bytes.clone();
        while !read_block(&mut bytes, window)?.0 {}
        require(bytes.rest.is_empty(), "zstd-trailing")?;
        require(size > 0, "empty-compressed")?;
        Ok(Stream { size, window: Some(window), content })
    }

    pub fn decode(&self) -> Result<Cow<'a, [u8]>> {
        match self.window {
            Some(window) => decode(self.content.clone(), window, self.size).map(Cow::Owned),
            None => Ok(Cow::Borrowed(self.content.rest)),
        }
    }
}
