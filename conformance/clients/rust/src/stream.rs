//! Streams: stored, or one Zstandard frame of the profile (section 7).

use std::borrow::Cow;

use crate::bytes::Bytes;
use crate::entropy::CORRUPT;
use crate::refusal::{require, Result};
use crate::zstd::Decoder;

const LARGEST_BLOCK: u64 = 1 << 17;

/// A stream that has passed the checks that need no decoding.
pub struct Stream<'a> {
    /// Decoded, in bytes.
    pub size: u64,
    /// Of a frame.
    window: Option<u64>,
    /// What is stored, or the blocks of a frame.
    content: Bytes<'a>,
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
        while !Block::read(&mut bytes, window)?.last {}
        require(bytes.rest.is_empty(), "zstd-trailing")?;
        require(size > 0, "empty-compressed")?;
        Ok(Stream { size, window: Some(window), content })
    }

    pub fn decode(&self) -> Result<Cow<'a, [u8]>> {
        let mut blocks = self.content.clone();
        let Some(window) = self.window else { return Ok(Cow::Borrowed(blocks.rest)) };
        let mut decoder = Decoder::new(window);
        decoder.out.try_reserve_exact(self.size as usize).map_err(|_| "x-no-memory")?;
        let mut last = false;
        while !last {
            let block = Block::read(&mut blocks, window)?;
            let filled = decoder.out.len();
            let room = self.size - filled as u64;
            match block.kind {
                2 => decoder.block(block.content, room.min(window).min(LARGEST_BLOCK) as usize)?,
                _ if block.size > room => return Err(CORRUPT),
                0 => decoder.out.extend_from_slice(block.content),
                _ => decoder.out.resize(filled + block.size as usize, block.content[0]),
            }
            last = block.last;
        }
        require(decoder.out.len() as u64 == self.size, CORRUPT)?;
        Ok(Cow::Owned(decoder.out))
    }
}

struct Block<'a> {
    last: bool,
    kind: u64,
    size: u64,
    content: &'a [u8],
}

impl<'a> Block<'a> {
    fn read(bytes: &mut Bytes<'a>, window: u64) -> Result<Self> {
        let header = bytes.integer(3)?;
        let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, header >> 3);
        require(kind != 3 && size <= window.min(LARGEST_BLOCK), "zstd-block")?;
        let content = bytes.take(if kind == 1 { 1 } else { size })?;
        Ok(Block { last, kind, size, content })
    }
}
