//! Streams: stored, or one Zstandard frame of the profile (section 7).

use std::borrow::Cow;
use std::iter::repeat;

use crate::bytes::Bytes;
use crate::entropy::CORRUPT;
use crate::refusal::{require, Result};
use crate::zstd::Decoder;

const LARGEST_BLOCK: u64 = 1 << 17;

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
        let mut blocks = self.content.clone();
        let Some(window) = self.window else { return Ok(Cow::Borrowed(blocks.rest)) };
        let mut decoder = Decoder::new(window);
        decoder.out.try_reserve_exact(self.size as usize).map_err(|_| "x-no-memory")?;
        loop {
            let (last, kind, size, content) = read_block(&mut blocks, window)?;
            let room = self.size - decoder.out.len() as u64;
            match kind {
                2 => decoder.block(content, room.min(window).min(LARGEST_BLOCK))?,
                _ if size > room => return Err(CORRUPT),
                0 => decoder.out.extend_from_slice(content),
                _ => decoder.out.extend(repeat(content[0]).take(size as usize)),
            }
            if last {
                require(decoder.out.len() as u64 == self.size, CORRUPT)?;
                return Ok(Cow::Owned(decoder.out));
            }
        }
    }
}

/// Of a block: whether it is the last one, its type, the size in its header, and its content.
fn read_block<'a>(bytes: &mut Bytes<'a>, window: u64) -> Result<(bool, u64, u64, &'a [u8])> {
    let header = bytes.integer(3)?;
    let (kind, size) = (header >> 1 & 3, header >> 3);
    require(kind != 3 && size <= window.min(LARGEST_BLOCK), "zstd-block")?;
    Ok((header & 1 == 1, kind, size, bytes.take(if kind == 1 { 1 } else { size })?))
}
