//! HEAD (section 5).

use crate::bytes::Bytes;
use crate::refusal::{require, Limits, Result};

pub const ZSTD: u64 = 1;
pub const WEIGHTS: u64 = 2;
pub const DENSE: u64 = 4;
pub const RULE: u64 = 16;

pub struct Head<'a> {
    pub pool_id: &'a [u8],
    pub pool_size: u64,
    pub kept: u64,
    pub classes: u64,
    pub features: u64,
    pub max_stream: u64,
    pub check: &'a [u8],
    pub weight_scale: &'a [u8], // bits, low and step as they are stored; zeros without weights
}

impl<'a> Head<'a> {
    pub fn read(body: &'a [u8], limits: &Limits) -> Result<Self> {
        let mut bytes = Bytes { rest: body, short: "body-short" };
        let mut head = Head {
            pool_id: bytes.take(32)?,
            pool_size: bytes.varint()?,
            kept: bytes.varint()?,
            classes: bytes.varint()?,
            features: bytes.varint()?,
            max_stream: bytes.varint()?,
            check: bytes.take(4)?,
            weight_scale: &[0; 5],
        };
        if head.needs(WEIGHTS) {
            head.weight_scale = bytes.take(5)?;
        }
        require(bytes.rest.is_empty(), "body-long")?;
        require(head.kept <= head.pool_size, "kept-over-pool")?;
        require((1..=65_536).contains(&head.classes), "class-count")?;
        require(head.features & !(ZSTD | WEIGHTS | DENSE | RULE) == 0, "unknown-feature")?;
        require(!(head.needs(WEIGHTS) && head.needs(RULE)), "feature-conflict")?;
        if head.needs(WEIGHTS) {
            let mut scale = Bytes { rest: head.weight_scale, short: "body-short" };
            let (bits, low, step) = (scale.byte()?, scale.integer(2)? as i16, scale.integer(2)?);
            require(matches!(bits, 4 | 8) && step > 0, "weight-scale")?;
            let largest = i64::from(low) + ((1 << bits) - 1) * step as i64;
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
