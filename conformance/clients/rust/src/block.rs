//! BLOCK (section 8).

use crate::bytes::{halves, width, Bytes};
use crate::content::Content;
use crate::dense::{Decoder, Labels};
use crate::head::{Head, DENSE, WEIGHTS, ZSTD};
use crate::positions;
use crate::refusal::{require, Result};
use crate::stream::Stream;

/// What the blocks of a file share.
pub struct Blocks<'h> {
    head: &'h Head<'h>,
    labels: Labels,
    end: u64, // of the range of the block before
    pub largest_stream: u64,
    pub used_features: u64,
}

impl<'h> Blocks<'h> {
    pub fn new(head: &'h Head<'h>) -> Self {
        let labels = Labels::new(head.classes);
        Blocks { head, labels, end: 0, largest_stream: 0, used_features: 0 }
    }

    pub fn read(&mut self, body: &[u8], content: &mut Content) -> Result<()> {
        let head = self.head;
        let mut bytes = Bytes { rest: body, short: "body-short" };
        let (first, span, count) = (bytes.varint()?, bytes.varint()?, bytes.varint()?);
        let (form, positions_size) = (bytes.byte()?, bytes.varint()?);
        let weighted = head.needs(WEIGHTS);
        let labels_size = if weighted { Some(bytes.varint()?) } else { None };
        let (encoding, shift) = (form & 3, form >> 5);
        // The features that each stream uses.
        let uses = |dense, at: u8| (DENSE * u64::from(dense)) | (ZSTD * u64::from(form >> at & 1));
        let uses = [uses(encoding == 3, 2), uses(shift > 0, 3), uses(false, 4)];

        require(span > 0, "block-empty")?;
        require(first + span <= head.pool_size, "block-outside-pool")?;
        require(count > 0, "block-empty")?;
        require(count <= span && (count > 1 || span == 1), "block-count")?;
        require(!uses.contains(&(DENSE | ZSTD)), "block-form")?;
        require(head.classes > 1 || uses[1] == 0, "block-form")?;
        require(weighted || uses[2] == 0, "block-form")?;
        let narrow = span <= 1 << 28 && span.div_ceil(4096) <= count;
        require(encoding != 0 || narrow, "bitmap-span")?;
        let streams = bytes.rest.len() as u64;
        require(positions_size + labels_size.unwrap_or(0) <= streams, "block-streams")?;
        require(first >= self.end, "block-order")?;
        self.end = first + span;
        content.count += count;
        require(content.count <= head.kept, "kept-total")?;

        let sizes = positions::sizes(form, span, count);
        let positions = self.stream(bytes.take(positions_size)?, uses[0], sizes)?;
        let size = count * (u64::from(head.classes > 1) + u64::from(head.classes > 256));
        let sizes = if shift > 0 { (0, u64::MAX) } else { (size, size) };
        let labels = bytes.take(labels_size.unwrap_or(streams - positions_size))?;
        let labels = self.stream(labels, uses[1], sizes)?;
        let size = (count * u64::from(head.weight_scale[0])).div_ceil(8);
        let weights = self.stream(bytes.rest, uses[2], (size, size))?;

        let mut kinds = Vec::new(); // of the distances that lead to each image, for dense labels
        let kinds_size = if shift > 0 { count as usize } else { 0 };
        kinds.try_reserve_exact(kinds_size).map_err(|_| "x-no-memory")?;
        let mut before = 0;
        let keep = |relative| {
            content.positions.push(first + relative);
            if shift > 0 {
                kinds.push(width(relative - before).min(15) as u8);
                before = relative;
            }
        };
        positions::read(form, &positions.decode()?, span, count, keep)?;

        let data = labels.decode()?;
        if shift > 0 {
            let mut decoder = Decoder::new(&data)?;
            self.labels.start(shift);
            for kind in kinds {
                content.labels.push(self.labels.read(&mut decoder, kind.into())?.into());
            }
            decoder.finish()?;
        } else {
            for index in 0..count as usize {
                let byte = |at| u64::from(data.get(at).copied().unwrap_or(0));
                let label = byte(index) | byte(index + count as usize) << 8;
                require(label < head.classes, "label-range")?;
                content.labels.push(label);
            }
        }
        drop(data);

        let data = weights.decode()?;
        if head.weight_scale[0] == 4 {
            let mut codes = halves(&data);
            codes.by_ref().take(count as usize).for_each(|code| content.weights.update(&[code]));
            require(codes.all(|unused| unused == 0), "padding-bits")?;
        } else {
            content.weights.update(&data);
        }
        Ok(())
    }

    /// A stream that has passed the checks that come before any is decoded.
    fn stream<'a>(&mut self, data: &'a [u8], uses: u64, sizes: (u64, u64)) -> Result<Stream<'a>> {
        require(uses & !self.head.features == 0, "feature-undeclared")?;
        self.used_features |= uses;
        let stream = Stream::new(data, uses & ZSTD != 0)?;
        require(stream.size <= self.head.max_stream, "stream-over-declared")?;
        require((sizes.0..=sizes.1).contains(&stream.size), "stream-size")?;
        self.largest_stream = self.largest_stream.max(stream.size);
        Ok(stream)
    }
}
