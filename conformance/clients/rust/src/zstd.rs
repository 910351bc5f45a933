//! Zstandard frames: the profile of section 7.2.

use crate::bytes::Bytes;
use crate::refusal::{require, Result};
use crate::reverse::CORRUPT;
use crate::zstd_block::State;

const LARGEST_BLOCK: u64 = 1 << 17;

/// A frame that has passed the checks that need no decoding.
pub struct Frame<'a> {
    pub size: u64,
    window: u64,
    blocks: Bytes<'a>,
}

struct Block<'a> {
    last: bool,
    kind: u8,
    size: u64,
    content: &'a [u8],
}

impl<'a> Block<'a> {
    fn read(bytes: &mut Bytes<'a>, window: u64) -> Result<Self> {
        let [a, b, c] = bytes.array()?;
        let header = u32::from_le_bytes([a, b, c, 0]);
        let (kind, size) = ((header >> 1 & 3) as u8, u64::from(header >> 3));
        require(kind != 3 && size <= window.min(LARGEST_BLOCK), "zstd-block")?;
        let content = bytes.take(if kind == 1 { 1 } else { size })?;
        Ok(Block { last: header & 1 == 1, kind, size, content })
    }
}

impl<'a> Frame<'a> {
    pub fn new(stream: &'a [u8]) -> Result<Self> {
        let mut bytes = Bytes::new(stream, "zstd-frame");
        let magic = u32::from_le_bytes(bytes.array()?);
        let descriptor = bytes.byte()?;
        require(!(0x184D_2A50..=0x184D_2A5F).contains(&magic), "zstd-skippable")?;
        require(magic == 0xFD2F_B528, "zstd-frame")?;
        require(descriptor & 8 == 0, "zstd-frame")?;
        require(descriptor & 4 == 0, "zstd-checksum")?;
        require(descriptor & 3 == 0, "zstd-dictionary")?;
        let single = descriptor & 32 != 0;
        require(single || descriptor >> 6 != 0, "zstd-no-size")?;
        let window = if single { 0 } else { bytes.byte()? };
        let size = match descriptor >> 6 {
            0 => u64::from(bytes.byte()?),
            1 => u64::from(u16::from_le_bytes(bytes.array()?)) + 256,
            2 => u64::from(u32::from_le_bytes(bytes.array()?)),
            _ => u64::from_le_bytes(bytes.array()?),
        };
        let base = 1u64 << (10 + (window >> 3));
        let window = if single { size } else { base + base / 8 * u64::from(window & 7) };
        require(window <= 1 << 23 && window >= size.min(1 << 23), "zstd-window")?;
        let blocks = bytes.clone();
        while !Block::read(&mut bytes, window)?.last {}
        require(bytes.rest.is_empty(), "zstd-trailing")?;
        Ok(Frame { size, window, blocks })
    }

    pub fn decode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        out.try_reserve_exact(self.size as usize).map_err(|_| "x-no-memory")?;
        let mut state = State::new();
        let mut blocks = self.blocks.clone();
        loop {
            let block = Block::read(&mut blocks, self.window)?;
            let room = self.size - out.len() as u64;
            if block.kind == 2 {
                let room = room.min(self.window).min(LARGEST_BLOCK) as usize;
                state.block(block.content, self.window, room, &mut out)?;
            } else {
                require(block.size <= room, CORRUPT)?;
                match block.kind {
                    0 => out.extend_from_slice(block.content),
                    _ => out.resize(out.len() + block.size as usize, block.content[0]),
                }
            }
            if block.last {
                break;
            }
        }
        require(out.len() as u64 == self.size, CORRUPT)?;
        Ok(out)
    }
}
