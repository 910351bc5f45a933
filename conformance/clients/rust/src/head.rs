//! HEAD (section 5).

use crate::bytes::Bytes;
use crate::refusal::{require, Limits, Result};

pub const ZSTD: u64 = 1;
pub const WEIGHTS: u64 = 2;
pub const DENSE: u64 = 4;
pub const RULE: u64 = 16;

pub struct Head {
    pub pool_id: [u8; 32],
    pub pool_size: u64,
    pub kept: u64,
    pub classes: u64,
    pub features: u64,
    pub max_stream: u64,
    pub check: [u8; 4],
    /// Bits, low and step as they are stored; zeros without weights.
    pub weight_scale: [u8; 5],
}

impl Head {
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self> {
        let mut bytes = Bytes { rest: body, short: "body-short" };
        let mut head = Head {
            pool_id: bytes.array()?,
            pool_size: bytes.varint()?,
            kept: bytes.varint()?,
            classes: bytes.varint()?,
            features: bytes.varint()?,
            max_stream: bytes.varint()?,
            check: bytes.array()?,
            weight_scale: [0; 5],
        };
        if head.needs(WEIGHTS) {
            head.weight_scale = bytes.array()?;
        }
        require(bytes.rest.is_empty(), "body-long")?;
        require(head.kept <= head.pool_size, "kept-over-pool")?;
        require((1..=65_536).contains(&head.classes), "class-count")?;
        require(head.features & !(ZSTD | WEIGHTS | DENSE | RULE) == 0, "unknown-feature")?;
        require(!(head.needs(WEIGHTS) && head.needs(RULE)), "feature-conflict")?;
        if head.needs(WEIGHTS) {
            let [bits, low, high, step @ ..] = head.weight_scale;
            let (low, step) = (i16::from_le_bytes([low, high]), u16::from_le_bytes(step));
            require(matches!(bits, 4 | 8) && step > 0, "weight-scale")?;
            let largest = i64::from(low) + ((1 << bits) - 1) * i64::from(step);
            require(largest <= 261_888, "weight-scale")?;
        }
        require(head.kept <= limits.kept, "limit-kept")?;
        require(head.max_stream <= limits.stream, "limit-stream")?;
        Ok(head)
    }

    pub fn needs(&self, feature: u64) -> bool {
        self.features & feature != 0
    }
}
