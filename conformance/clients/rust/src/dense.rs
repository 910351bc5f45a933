//! Dense streams (section 9 and Appendix B.5).

use crate::refusal::{require, Result};

const CORRUPT: &str = "dense-corrupt";

#[derive(Clone, Copy)]
pub struct Model {
    chance: u16,
    uses: u8,
}

pub const FRESH: Model = Model { chance: 32768, uses: 0 };

impl Model {
    fn adapt(&mut self, bit: bool) {
        let step = (u8::BITS - (self.uses + 1).leading_zeros()).min(6);
        match bit {
            true => self.chance += ((65536 - u32::from(self.chance)) >> step) as u16,
            false => self.chance -= self.chance >> step,
        }
        self.uses = (self.uses + 1).min(31);
    }
}

pub struct Decoder<'a> {
    data: &'a [u8],
    at: usize,
    range: u32,
    code: u32,
    /// The last four bytes that were read, first one highest.
    last: u32,
}

impl<'a> Decoder<'a> {
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let mut decoder = Decoder { data, at: 0, range: u32::MAX, code: 0, last: 0 };
        (0..4).for_each(|_| decoder.read());
        require(decoder.code < decoder.range, CORRUPT)?;
        Ok(decoder)
    }

    fn read(&mut self) {
        let byte = u32::from(self.data.get(self.at).copied().unwrap_or(0));
        self.at += 1;
        self.code = self.code << 8 | byte;
        self.last = self.last << 8 | byte;
    }

    fn refill(&mut self) {
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.read();
        }
    }

    pub fn bit(&mut self, model: &mut Model) -> bool {
        let bound = (self.range >> 12) * u32::from(model.chance >> 4);
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        model.adapt(bit);
        self.refill();
        bit
    }

    fn direct(&mut self, size: u32) -> Result<u64> {
        self.range >>= size;
        let value = self.code / self.range;
        require(value < 1 << size, CORRUPT)?;
        self.code -= value * self.range;
        self.refill();
        Ok(u64::from(value))
    }

    /// The number of `depth` bits that a tree of models says.
    fn tree(&mut self, models: &mut [Model], depth: u32) -> usize {
        let node =
            (0..depth).fold(1, |node, _| 2 * node + usize::from(self.bit(&mut models[node])));
        node - (1 << depth)
    }

    pub fn finish(self) -> Result<()> {
        let low = self.last.wrapping_sub(self.code);
        require(self.data.len() <= self.at && self.data.last() != Some(&0), "dense-tail")?;
        require(tail(low, self.range) == self.last, "dense-tail")
    }
}

/// The roundest value from `low` to `low + range - 1`, modulo 2^32.
fn tail(low: u32, range: u32) -> u32 {
    let low = u64::from(low);
    let round = |zeros: u32| (low + (1 << zeros) - 1) >> zeros << zeros;
    let values = [32, 24, 16, 8].map(round).into_iter();
    values.clone().find(|&value| value < low + u64::from(range)).unwrap_or(low) as u32
}

/// Adds a kind, a width of at most 15, to a running average of kinds.
fn average(average: &mut i32, kind: usize) {
    *average += (16 * kind as i32 - *average) >> 2;
}

pub struct Distances {
    widths: [[Model; 16]; 31],
    second: [Model; 16],
    average: i32,
}

impl Distances {
    pub fn new() -> Self {
        Distances { widths: [[FRESH; 16]; 31], second: [FRESH; 16], average: 64 }
    }

    pub fn read(&mut self, decoder: &mut Decoder) -> Result<u64> {
        let kind = decoder.tree(&mut self.widths[(self.average >> 3) as usize], 4);
        let width = if kind < 15 { kind as u32 } else { 15 + decoder.direct(6)? as u32 };
        require(width <= 52, CORRUPT)?;
        let mut value = 1;
        if width > 0 {
            value = 2 + u64::from(decoder.bit(&mut self.second[kind]));
            let mut left = width - 1;
            while left > 0 {
                let size = left.min(16);
                value = (value << size) + decoder.direct(size)?;
                left -= size;
            }
        }
        average(&mut self.average, kind);
        Ok(value)
    }
}

/// The queue of labels and its models. The tree is as large as the number of classes asks for, so
/// that it is made once for a file, and only what a block used is made fresh for the next one.
pub struct Labels {
    classes: u64,
    depth: u32,
    tree: Vec<Model>,
    used: Vec<usize>,
    ranks: [Model; 12 * 8 * 4],
    queue: Vec<(u16, u32)>, // label and weight, heaviest first
    average: i32,
    shift: u32,
}

impl Labels {
    pub fn new(classes: u64) -> Self {
        Labels {
            classes,
            depth: u64::BITS - (classes - 1).leading_zeros(),
            tree: Vec::new(),
            used: Vec::new(),
            ranks: [FRESH; 12 * 8 * 4],
            queue: Vec::with_capacity(12),
            average: 64,
            shift: 1,
        }
    }

    /// Starts a block.
    pub fn start(&mut self, shift: u8) {
        self.tree.resize(1 << self.depth, FRESH);
        self.used.drain(..).for_each(|node| self.tree[node] = FRESH);
        self.ranks = [FRESH; 12 * 8 * 4];
        self.queue.clear();
        self.average = 64;
        self.shift = u32::from(shift);
    }

    pub fn read(&mut self, decoder: &mut Decoder, kind: usize) -> Result<u16> {
        let far = 16 * kind as i32 > self.average + 48;
        for (_, weight) in &mut self.queue {
            *weight -= *weight >> self.shift;
            if far {
                *weight -= *weight >> 1;
            }
        }
        average(&mut self.average, kind);
        for place in 0..self.queue.len() {
            let (label, weight) = self.queue[place];
            let index = place * 32 + (weight >> (9 + self.shift)) as usize * 4 + (kind >> 2);
            if decoder.bit(&mut self.ranks[index]) {
                self.queue.remove(place);
                self.put(label, 4096 + weight);
                return Ok(label);
            }
        }
        let mut node = 1;
        for _ in 0..self.depth {
            if self.tree[node].uses == 0 {
                self.used.push(node);
            }
            node = 2 * node + usize::from(decoder.bit(&mut self.tree[node]));
        }
        let label = node as u64 - (1 << self.depth);
        let known = self.queue.iter().any(|&(other, _)| u64::from(other) == label);
        require(label < self.classes && !known, CORRUPT)?;
        self.queue.truncate(11);
        self.put(label as u16, 4096);
        Ok(label as u16)
    }

    fn put(&mut self, label: u16, weight: u32) {
        let to = self.queue.iter().position(|&(_, other)| other <= weight);
        self.queue.insert(to.unwrap_or(self.queue.len()), (label, weight));
    }
}
