//! Dense streams (section 9 and Appendix B.5).

use crate::refusal::{require, Result};

const CORRUPT: &str = "dense-corrupt";

#[derive(Clone, Copy)]
pub struct Model {
    chance: u16,
    uses: u8,
}

pub const FRESH: Model = Model { chance: 32768, uses: 0 };

pub struct Decoder<'a> {
    data: &'a [u8],
    at: usize, // beyond the data lie zeros
    range: u32,
    code: u32,
}

impl<'a> Decoder<'a> {
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let mut decoder = Decoder { data, at: 4, range: u32::MAX, code: 0 };
        decoder.code = decoder.last();
        require(decoder.code < decoder.range, CORRUPT)?;
        Ok(decoder)
    }

    /// The last four bytes that were read, first one highest.
    fn last(&self) -> u32 {
        let byte = |at| self.data.get(at).copied().unwrap_or(0);
        u32::from_be_bytes([4, 3, 2, 1].map(|back| byte(self.at - back)))
    }

    fn refill(&mut self) {
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.at += 1;
            self.code = self.code << 8 | self.last() & 255;
        }
    }

    pub fn bit(&mut self, model: &mut Model) -> bool {
        let bound = (self.range >> 12) * u32::from(model.chance >> 4);
        let bit = self.code < bound;
        let uses = model.uses + 1;
        let step = uses.ilog2() + 1;
        model.uses = uses.min(31);
        if bit {
            self.range = bound;
            model.chance += ((65536 - u32::from(model.chance)) >> step) as u16;
        } else {
            self.code -= bound;
            self.range -= bound;
            model.chance -= model.chance >> step;
        }
        self.refill();
        bit
    }

    fn direct(&mut self, size: u32) -> Result<u64> {
        if size > 16 {
            return Ok(self.direct(16)? << (size - 16) | self.direct(size - 16)?);
        }
        self.range >>= size;
        let value = self.code / self.range;
        require(value < 1 << size, CORRUPT)?;
        self.code -= value * self.range;
        self.refill();
        Ok(u64::from(value))
    }

    /// Whether the stream is the one that the encoder writes: it ends with the roundest value that
    /// says what was decoded, without its last zeros.
    pub fn finish(&self) -> Result<()> {
        let last = self.last();
        let low = u64::from(last.wrapping_sub(self.code));
        let round = |zeros: u32| (low + (1 << zeros) - 1) >> zeros << zeros;
        let fits = |value: &u64| *value < low + u64::from(self.range);
        let tail = [32, 24, 16, 8, 0].map(round).into_iter().find(fits);
        let read = self.data.len() <= self.at && self.data.last() != Some(&0);
        require(read && tail.is_some_and(|tail| tail as u32 == last), "dense-tail")
    }
}

pub struct Distances {
    widths: [[Model; 16]; 31],
    second: [Model; 16],
    average: i32, // of 16 times the width, at most 15
}

impl Distances {
    pub fn new() -> Self {
        Distances { widths: [[FRESH; 16]; 31], second: [FRESH; 16], average: 64 }
    }

    pub fn read(&mut self, decoder: &mut Decoder) -> Result<u64> {
        let models = &mut self.widths[(self.average >> 3) as usize];
        let node = (0..4).fold(1, |node, _| 2 * node + usize::from(decoder.bit(&mut models[node])));
        let kind = node - 16;
        self.average += (16 * kind as i32 - self.average) >> 2;
        let width = if kind < 15 { kind as u32 } else { 15 + decoder.direct(6)? as u32 };
        require(width <= 52, CORRUPT)?;
        if width == 0 {
            return Ok(1);
        }
        let start = 2 + u64::from(decoder.bit(&mut self.second[kind]));
        Ok(start << (width - 1) | decoder.direct(width - 1)?)
    }
}

/// The queue of labels and its models. The tree is as large as the number of classes asks for, so
/// that it is made once for a file, and only what a block used is made fresh for the next one.
pub struct Labels {
    classes: u64,
    tree: Vec<Model>,
    used: Vec<usize>,
    ranks: [Model; 12 * 8 * 4],
    queue: Vec<(u16, u32)>, // label and weight, heaviest first
    average: i32,
    shift: u8,
}

impl Labels {
    pub fn new(classes: u64) -> Self {
        let tree = vec![FRESH; classes.next_power_of_two() as usize];
        let (used, ranks, queue) = (Vec::new(), [FRESH; 12 * 8 * 4], Vec::new());
        Labels { classes, tree, used, ranks, queue, average: 64, shift: 1 }
    }

    /// Starts a block.
    pub fn start(&mut self, shift: u8) {
        self.used.drain(..).for_each(|node| self.tree[node] = FRESH);
        self.ranks.fill(FRESH);
        self.queue.clear();
        (self.average, self.shift) = (64, shift);
    }

    pub fn read(&mut self, decoder: &mut Decoder, kind: usize) -> Result<u16> {
        let far = 16 * kind as i32 > self.average + 48;
        for (_, weight) in &mut self.queue {
            *weight -= *weight >> self.shift;
            *weight -= if far { *weight >> 1 } else { 0 };
        }
        self.average += (16 * kind as i32 - self.average) >> 2;
        let place = self.queue.iter().enumerate().position(|(place, (_, weight))| {
            let weight = (weight >> (9 + self.shift)) as usize;
            decoder.bit(&mut self.ranks[place * 32 + weight * 4 + (kind >> 2)])
        });
        let (label, weight) = match place {
            Some(place) => self.queue.remove(place),
            None => (self.read_tree(decoder)?, 0),
        };
        self.queue.truncate(11);
        let weight = weight + 4096;
        let to = self.queue.partition_point(|&(_, other)| other > weight);
        self.queue.insert(to, (label, weight));
        Ok(label)
    }

    /// A label that is not in the queue.
    fn read_tree(&mut self, decoder: &mut Decoder) -> Result<u16> {
        let mut node = 1;
        while node < self.tree.len() {
            if self.tree[node].uses == 0 {
                self.used.push(node);
            }
            node = 2 * node + usize::from(decoder.bit(&mut self.tree[node]));
        }
        let label = (node - self.tree.len()) as u16;
        let known = self.queue.iter().any(|&(other, _)| other == label);
        require(u64::from(label) < self.classes && !known, CORRUPT)?;
        Ok(label)
    }
}
