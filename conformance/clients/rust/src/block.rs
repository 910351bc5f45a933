//! BLOCK (section 8).

use crate::bytes::{width, Bytes};
use crate::content::Content;
use crate::dense::{Decoder, Distances, Labels};
use crate::head::{Head, DENSE, WEIGHTS, ZSTD};
use crate::positions::{self, add_up};
use crate::refusal::{require, Result};
use crate::stream::Stream;

/// What the blocks of a file share.
pub struct Blocks {
    labels: Labels,
    /// Where the range of the block before ends.
    end: u64,
    pub largest_stream: u64,
    pub used_features: u64,
}

impl Blocks {
    pub fn new(head: &Head) -> Self {
        Blocks { labels: Labels::new(head.classes), end: 0, largest_stream: 0, used_features: 0 }
    }

    pub fn read(&mut self, body: &[u8], head: &Head, content: &mut Content) -> Result<()> {
        let mut bytes = Bytes::new(body, "body-short");
        let (first, span, count) = (bytes.varint()?, bytes.varint()?, bytes.varint()?);
        let (form, positions_size) = (bytes.byte()?, bytes.varint()?);
        let weighted = head.needs(WEIGHTS);
        let labels_size = if weighted { bytes.varint()? } else { 0 };
        let (encoding, shift) = (form & 3, form >> 5);
        let compressed = [form & 4 != 0, form & 8 != 0, form & 16 != 0];

        require(span > 0, "block-empty")?;
        require(first + span <= head.pool_size, "block-outside-pool")?;
        require(count > 0, "block-empty")?;
        require(count <= span && (count > 1 || span == 1), "block-count")?;
        let dense_compressed = encoding == 3 && compressed[0] || shift > 0 && compressed[1];
        let bare = head.classes > 1 || shift == 0 && !compressed[1];
        require(!dense_compressed && bare && (weighted || !compressed[2]), "block-form")?;
        let narrow = span <= 1 << 28 && span.div_ceil(4096) <= count;
        require(encoding != 0 || narrow, "bitmap-span")?;
        let streams = bytes.rest.len() as u64;
        require(positions_size + labels_size <= streams, "block-streams")?;
        require(first >= self.end, "block-order")?;
        self.end = first + span;
        content.count += count;
        require(content.count <= head.kept, "kept-total")?;

        let positions = bytes.take(positions_size)?;
        let sizes = positions::sizes(encoding, span, count);
        let positions = self.stream(head, positions, compressed[0], encoding == 3, sizes)?;
        let labels = if weighted { bytes.take(labels_size)? } else { bytes.rest };
        let size = count
            * match head.classes {
                1 => 0,
                2..=256 => 1,
                _ => 2,
            };
        let sizes = if shift > 0 { 0..=u64::MAX } else { size..=size };
        let labels = self.stream(head, labels, compressed[1], shift > 0, sizes)?;
        let half = head.weight_scale[0] == 4;
        let weights = if weighted {
            let size = if half { count.div_ceil(2) } else { count };
            Some(self.stream(head, bytes.rest, compressed[2], false, size..=size)?)
        } else {
            None
        };

        let mut kinds = Vec::new(); // of the distances that lead to each image, for dense labels
        if shift > 0 {
            kinds.try_reserve_exact(count as usize).map_err(|_| "x-no-memory")?;
        }
        let mut before = 0;
        let keep = |relative| {
            content.positions.push(first + relative);
            if shift > 0 {
                kinds.push(width(relative - before).min(15) as u8);
                before = relative;
            }
        };
        let data = positions.decode()?;
        match encoding {
            0 => positions::bitmap(&data, span, count, keep)?,
            1 => positions::delta(&data, span, count, keep)?,
            2 => positions::runs(&data, span, count, keep)?,
            _ => {
                let (mut decoder, mut distances) = (Decoder::new(&data)?, Distances::new());
                let distances = (1..count).map(|_| distances.read(&mut decoder));
                let whole = add_up(distances, span, keep)?;
                decoder.finish()?;
                require(whole, "distance-total")?;
            }
        }
        drop(data);

        let data = labels.decode()?;
        if shift > 0 {
            let mut decoder = Decoder::new(&data)?;
            self.labels.start(shift);
            for kind in kinds {
                content.labels.push(self.labels.read(&mut decoder, usize::from(kind))?.into());
            }
            decoder.finish()?;
        } else if head.classes == 1 {
            (0..count).for_each(|_| content.labels.push(0));
        } else {
            let (low, high) = data.split_at(count as usize);
            for (index, &low) in low.iter().enumerate() {
                let high = high.get(index).copied().unwrap_or(0);
                let label = u64::from(u16::from_le_bytes([low, high]));
                require(label < head.classes, "label-range")?;
                content.labels.push(label);
            }
        }
        drop(data);

        let Some(weights) = weights else { return Ok(()) };
        let data = weights.decode()?;
        if half {
            let last = data[data.len() - 1] >> 4;
            require(count % 2 == 0 || last == 0, "padding-bits")?;
            let (pairs, odd) = data.split_at((count / 2) as usize);
            pairs.iter().for_each(|pair| content.weights(&[pair & 15, pair >> 4]));
            content.weights(odd);
        } else {
            content.weights(&data);
        }
        Ok(())
    }

    /// A stream that has passed the checks that come before any is decoded.
    fn stream<'a>(
        &mut self,
        head: &Head,
        data: &'a [u8],
        compressed: bool,
        dense: bool,
        sizes: std::ops::RangeInclusive<u64>,
    ) -> Result<Stream<'a>> {
        require(!dense || head.needs(DENSE), "feature-undeclared")?;
        require(!compressed || head.needs(ZSTD), "feature-undeclared")?;
        self.used_features |= if dense { DENSE } else { 0 } | if compressed { ZSTD } else { 0 };
        let stream = Stream::new(data, compressed)?;
        let size = stream.size();
        require(size <= head.max_stream, "stream-over-declared")?;
        require(sizes.contains(&size), "stream-size")?;
        self.largest_stream = self.largest_stream.max(size);
        Ok(stream)
    }
}
