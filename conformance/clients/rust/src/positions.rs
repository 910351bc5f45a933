//! Position streams that are not dense (sections 8.1 to 8.4 and Appendix B.3).

use crate::bytes::{width, Bytes};
use crate::refusal::{require, Result};
use crate::split::Split;

/// The sizes that a position stream may have (section 8.4).
pub fn sizes(encoding: u8, span: u64, count: u64) -> std::ops::RangeInclusive<u64> {
    let split = |n: u64, largest: u64| {
        let bits = width(largest);
        let wide = if bits >= 15 { n } else { 0 };
        (n.div_ceil(2), n.div_ceil(2) + wide + (n * u64::from(bits)).div_ceil(8))
    };
    match encoding {
        0 => span.div_ceil(8)..=span.div_ceil(8),
        1 => {
            let (least, most) = split(count - 1, (span - 1).max(1));
            least..=most
        }
        2 => 2..=split(2 * count.min(span - count + 1) - 1, span).1 + 8,
        _ => 0..=u64::MAX,
    }
}

/// Calls `keep` with each relative position.
pub fn bitmap(data: &[u8], span: u64, count: u64, mut keep: impl FnMut(u64)) -> Result<()> {
    let last = (span - 1) % 8;
    let end = data[data.len() - 1];
    require(u32::from(end) >> (last + 1) == 0, "padding-bits")?;
    let kept = data.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
    require(kept == count, "position-count")?;
    require(data[0] & 1 == 1 && end >> last == 1, "block-not-tight")?;
    for (index, &byte) in data.iter().enumerate() {
        let mut left = byte;
        while left != 0 {
            keep(index as u64 * 8 + u64::from(left.trailing_zeros()));
            left &= left - 1;
        }
    }
    Ok(())
}

pub fn delta(data: &[u8], span: u64, count: u64, keep: impl FnMut(u64)) -> Result<()> {
    let mut steps = Steps::new(keep);
    Split::new(data, count - 1)?.for_each(|distance| steps.add(distance));
    steps.finish(span)
}

pub fn runs(data: &[u8], span: u64, count: u64, mut keep: impl FnMut(u64)) -> Result<()> {
    let mut bytes = Bytes::new(data, "integer-size");
    let runs = bytes.varint()?;
    require((1..=count.min(span - count + 1)).contains(&runs), "run-count")?;
    let lengths = Split::new(bytes.rest, 2 * runs - 1)?;
    let total = lengths.clone().fold(0, u64::saturating_add);
    require(total == span, "run-total")?;
    let kept = lengths.clone().take(runs as usize);
    require(kept.clone().sum::<u64>() == count, "position-count")?;
    let skipped = lengths.skip(runs as usize).chain([0]);
    let mut at = 0;
    for (kept, skipped) in kept.zip(skipped) {
        (at..at + kept).for_each(&mut keep);
        at += kept + skipped;
    }
    Ok(())
}

/// Distances that are added up, from the first relative position on.
pub struct Steps<Keep> {
    at: u64,
    keep: Keep,
}

impl<Keep: FnMut(u64)> Steps<Keep> {
    pub fn new(mut keep: Keep) -> Self {
        keep(0);
        Steps { at: 0, keep }
    }

    /// Beyond 2^64 the sum stays there, which `finish` refuses.
    pub fn add(&mut self, distance: u64) {
        self.at = self.at.saturating_add(distance);
        (self.keep)(self.at);
    }

    pub fn finish(self, span: u64) -> Result<()> {
        require(self.at == span - 1, "distance-total")
    }
}
