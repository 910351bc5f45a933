//! Position streams (section 8 and Appendix B.3), and the split integers in them (section 7.3).

use crate::bytes::{bits_at, halves, little_endian, width, Bytes};
use crate::dense::{Decoder, Distances};
use crate::refusal::{require, Result};

/// The least and the largest size that a position stream may have (section 8.4).
pub fn sizes(form: u8, span: u64, count: u64) -> (u64, u64) {
    // Of `n` split integers.
    let split = |n: u64, largest: u64| {
        let bits = width(largest);
        let wide = if bits >= 15 { n } else { 0 };
        (n.div_ceil(2), n.div_ceil(2) + wide + (n * u64::from(bits)).div_ceil(8))
    };
    match form & 3 {
        0 => (span.div_ceil(8), span.div_ceil(8)),
        1 => split(count - 1, span - 1),
        2 => (2, split(2 * count.min(span - count + 1) - 1, span).1 + 8),
        _ => (0, u64::MAX),
    }
}

/// Calls `keep` with each relative position.
pub fn read(form: u8, data: &[u8], span: u64, count: u64, keep: impl FnMut(u64)) -> Result<()> {
    let whole = match form & 3 {
        0 => return bitmap(data, span, count, keep),
        1 => add_up(split_integers(data, count - 1)?.map(Ok), span, keep)?,
        2 => return runs(data, span, count, keep),
        _ => {
            let (mut decoder, mut distances) = (Decoder::new(data)?, Distances::new());
            let whole = add_up((1..count).map(|_| distances.read(&mut decoder)), span, keep)?;
            decoder.finish()?;
            whole
        }
    };
    require(whole, "distance-total")
}

fn bitmap(data: &[u8], span: u64, count: u64, mut keep: impl FnMut(u64)) -> Result<()> {
    let last = (span - 1) % 8;
    let end = data[data.len() - 1];
    require(u32::from(end) >> (last + 1) == 0, "padding-bits")?;
    let words = data.chunks(8).map(little_endian);
    let kept = words.clone().map(|word| u64::from(word.count_ones())).sum::<u64>();
    require(kept == count, "position-count")?;
    require(data[0] & 1 == 1 && end >> last == 1, "block-not-tight")?;
    for (index, mut left) in (0..).zip(words) {
        while left != 0 {
            keep(index * 64 + u64::from(left.trailing_zeros()));
            left &= left - 1;
        }
    }
    Ok(())
}

/// Keeps the first relative position, and those within the span that distances lead to; returns
/// whether they lead to its end. All distances are read, and their sum may exceed 64 bits.
fn add_up<D>(distances: D, span: u64, mut keep: impl FnMut(u64)) -> Result<bool>
where
    D: Iterator<Item = Result<u64>>,
{
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

fn runs(data: &[u8], span: u64, count: u64, mut keep: impl FnMut(u64)) -> Result<()> {
    let mut bytes = Bytes { rest: data, short: "integer-size" };
    let runs = bytes.varint()?;
    require((1..=count.min(span - count + 1)).contains(&runs), "run-count")?;
    let lengths = split_integers(bytes.rest, 2 * runs - 1)?;
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

/// The `count` integers that fill `data`, read where they lie.
fn split_integers(data: &[u8], count: u64) -> Result<impl Iterator<Item = u64> + Clone + '_> {
    let pairs = count.div_ceil(2) as usize;
    let (pairs, rest) = data.split_at_checked(pairs).ok_or("integer-size")?;
    let widths = halves(pairs).map(u64::from);
    require(widths.clone().skip(count as usize).all(|unused| unused == 0), "padding-bits")?;
    let widths = widths.take(count as usize);
    let wide = widths.clone().filter(|&width| width == 15).count();
    let (wide, low) = rest.split_at_checked(wide).ok_or("integer-size")?;
    require(wide.iter().all(|width| (15..=52).contains(width)), "integer-width")?;
    let mut wide = wide.iter().map(|&width| u64::from(width));
    let widths = widths.filter_map(move |width| if width < 15 { Some(width) } else { wide.next() });
    let bits = widths.clone().sum::<u64>();
    require(low.len() as u64 == bits.div_ceil(8), "integer-size")?;
    require(bits % 8 == 0 || low[low.len() - 1] >> (bits % 8) == 0, "padding-bits")?;
    let mut at = 0;
    Ok(widths.map(move |width| {
        at += width;
        1 << width | bits_at(low, at - width, width as u32)
    }))
}
