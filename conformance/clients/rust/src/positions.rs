//! Position streams that are not dense (sections 8.1 to 8.4 and Appendix B.3).

use crate::bytes::{width, Bytes};
use crate::refusal::{require, Result};
use crate::split::Split;

/// The sizes that a position stream may have (section 8.4 and Appendix B.3).
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
    let kept = words(data).map(|word| u64::from(word.count_ones())).sum::<u64>();
    require(kept == count, "position-count")?;
    require(data[0] & 1 == 1 && end >> last == 1, "block-not-tight")?;
    for (index, mut left) in (0..).zip(words(data)) {
        while left != 0 {
            keep(index * 64 + u64::from(left.trailing_zeros()));
            left &= left - 1;
        }
    }
    Ok(())
}

/// Bits by 64, with zeros after the end.
fn words(data: &[u8]) -> impl Iterator<Item = u64> + '_ {
    data.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    })
}

pub fn delta(data: &[u8], span: u64, count: u64, keep: impl FnMut(u64)) -> Result<()> {
    let whole = add_up(Split::new(data, count - 1)?.map(Ok), span, keep)?;
    require(whole, "distance-total")
}

/// Keeps the first relative position, and those within the span that distances lead to; returns
/// whether they lead to its end. All distances are read, and their sum may exceed 64 bits.
pub fn add_up(
    distances: impl Iterator<Item = Result<u64>>,
    span: u64,
    mut keep: impl FnMut(u64),
) -> Result<bool> {
    let mut at = 0u64;
    keep(at);
    for distance in distances {
        at = at.saturating_add(distance?);
        if at < span {
            keep(at);
        }
    }
    Ok(at == span - 1)
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
