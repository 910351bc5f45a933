//! What a payload means, as its `content_id` (section 11).

use crate::digest::{sha256, Sha256};
use crate::head::Head;
use crate::rule::Rule;
use crate::text::ClassMap;

/// A number of each kept image. Without a rule they are hashed as they come, and not held.
pub struct Column {
    hash: Sha256,
    size: usize, // of each number in the hash, in bytes
    held: Option<Vec<u64>>,
}

impl Column {
    pub fn push(&mut self, number: u64) {
        match &mut self.held {
            Some(held) => held.push(number),
            None => self.hash.update(&number.to_le_bytes()[..self.size]),
        }
    }
}

pub struct Content {
    pub positions: Column,
    pub labels: Column,
    pub weights: Sha256,
    pub count: u64,
}

impl Content {
    /// Of no image so far; those that follow are held for `apply`, if `hold`.
    pub fn new(pool_size: u64, hold: bool) -> Self {
        let column = |size| Column { hash: Sha256::new(), size, held: hold.then(Vec::new) };
        let (positions, labels) = (column(if pool_size > 1 << 32 { 8 } else { 4 }), column(2));
        Content { positions, labels, weights: Sha256::new(), count: 0 }
    }

    /// Adds what the rule keeps by the codes in `rows`, up to one image more than `kept`, to the
    /// images that are held.
    pub fn apply(&mut self, rule: &Rule, rows: &[Vec<u8>], kept: u64) {
        let positions = self.positions.held.take().unwrap_or_default();
        let labels = self.labels.held.take().unwrap_or_default();
        let mut listed = positions.into_iter().zip(labels).peekable();
        let images = (0..).zip(rows).filter_map(|(position, row)| {
            let listed = listed.next_if(|&(at, _)| at == position);
            listed.or_else(|| Some((position, rule.label(row)?)))
        });
        self.count = 0;
        for (position, label) in images.take(kept as usize + 1) {
            self.positions.push(position);
            self.labels.push(label);
            self.count += 1;
        }
    }

    pub fn id(self, head: &Head, classes: Option<&ClassMap>) -> [u8; 32] {
        let identified = classes.is_some_and(|classes| classes.identifiers);
        sha256(&[
            b"plada-1-content\0",
            head.pool_id,
            &head.pool_size.to_le_bytes(),
            &head.kept.to_le_bytes(),
            &(head.classes as u32).to_le_bytes(),
            &[u8::from(classes.is_some()), u8::from(identified)],
            classes.map_or(&[], |classes| &classes.text),
            head.weight_scale,
            &self.positions.hash.finish(),
            &self.labels.hash.finish(),
            &self.weights.finish(),
        ])
    }
}
