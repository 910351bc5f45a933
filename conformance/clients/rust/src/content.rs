//! What a payload means, as its `content_id` (section 11).

use crate::head::Head;
use crate::refusal::{require, Result};
use crate::rule::{Codes, Rule};
use crate::sha256::Sha256;
use crate::text::ClassMap;

/// A number of each kept image. Without a rule they are hashed as they come, and not held.
pub struct Column {
    hash: Sha256,
    /// Bytes of each number in the hash.
    size: usize,
    held: Option<Vec<u64>>,
}

impl Column {
    fn new(size: usize) -> Self {
        Column { hash: Sha256::new(), size, held: None }
    }

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
    weights: Sha256,
    pub count: u64,
}

impl Content {
    pub fn new(pool_size: u64) -> Self {
        let positions = Column::new(if pool_size > 1 << 32 { 8 } else { 4 });
        Content { positions, labels: Column::new(2), weights: Sha256::new(), count: 0 }
    }

    /// Images that follow are held, for `apply`.
    pub fn hold(&mut self) {
        (self.positions.held, self.labels.held) = (Some(Vec::new()), Some(Vec::new()));
    }

    pub fn weights(&mut self, codes: &[u8]) {
        self.weights.update(codes);
    }

    /// Adds what the rule keeps, up to one image more than the K of HEAD.
    pub fn apply(&mut self, rule: &Rule, head: &Head, codes: Option<&Codes>) -> Result<()> {
        let positions = self.positions.held.take().unwrap_or_default();
        let labels = self.labels.held.take().unwrap_or_default();
        self.count = 0;
        let listed = positions.into_iter().zip(labels);
        rule.apply(codes, head.pool_size, listed, |position, label| {
            self.positions.push(position);
            self.labels.push(label);
            self.count += 1;
            self.count <= head.kept
        })
    }

    pub fn id(self, head: &Head, classes: Option<&ClassMap>) -> Result<[u8; 32]> {
        let mut id = Sha256::new();
        id.update(b"plada-1-content\0");
        id.update(&head.pool_id);
        id.update(&head.pool_size.to_le_bytes());
        id.update(&head.kept.to_le_bytes());
        id.update(&(head.classes as u32).to_le_bytes());
        let identified = classes.is_some_and(|classes| classes.identifiers);
        id.update(&[u8::from(classes.is_some()), u8::from(identified)]);
        id.update(classes.map_or(&[], |classes| &classes.text));
        id.update(&head.weight_scale);
        id.update(&self.positions.hash.finish());
        id.update(&self.labels.hash.finish());
        id.update(&self.weights.finish());
        let id = id.finish();
        require(id.starts_with(&head.check), "content-check")?;
        Ok(id)
    }
}
