//! Streams, which are stored or compressed (section 7).

use std::borrow::Cow;

use crate::refusal::{require, Result};
use crate::zstd::Frame;

pub enum Stream<'a> {
    Stored(&'a [u8]),
    Compressed(Frame<'a>),
}

impl<'a> Stream<'a> {
    /// A stream that has passed the checks that need no decoding.
    pub fn new(data: &'a [u8], compressed: bool) -> Result<Self> {
        if !compressed {
            return Ok(Stream::Stored(data));
        }
        let frame = Frame::new(data)?;
        require(frame.size > 0, "empty-compressed")?;
        Ok(Stream::Compressed(frame))
    }

    /// Decoded size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Stream::Stored(data) => data.len() as u64,
            Stream::Compressed(frame) => frame.size,
        }
    }

    pub fn decode(&self) -> Result<Cow<'a, [u8]>> {
        match self {
            Stream::Stored(data) => Ok(Cow::Borrowed(data)),
            Stream::Compressed(frame) => frame.decode().map(Cow::Owned),
        }
    }
}
