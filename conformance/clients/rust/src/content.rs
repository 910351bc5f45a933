//! What a payload means, as its `content_id` (section 11).

use crate::head::Head;
use crate::rule::{Codes, Rule};
use crate::sha256::Sha256;
use crate::text::ClassMap;
use crate::refusal::{require, Result};

/// The kept images that blocks name. Without a rule they are hashed as they come, and not held.
pub struct Content {
    long: bool, // positions are hashed as 64 bits
    positions: Sha256,
    labels: Sha256,
    weights: Sha256,
    pub count: u64,
    /// Positions and labels, held for the rule.
    listed: Option<(Vec<u64>, Vec<u64>)>,
}

impl Content {
    pub fn new(pool_size: u64) -> Self {
        Content {
            long: pool_size > 1 << 32,
            positions: Sha256::new(),
            labels: Sha256::new(),
            weights: Sha256::new(),
            count: 0,
            listed: None,
        }
    }

    /// Images that follow are held, for `apply`.
    pub fn hold(&mut self) {
        self.listed = Some((Vec::new(), Vec::new()));
    }

    pub fn position(&mut self, position: u64) {
        if let Some((positions, _)) = &mut self.listed {
            positions.push(position);
            return;
        }
        let size = if self.long { 8 } else { 4 };
        self.positions.update(&position.to_le_bytes()[..size]);
    }

    pub fn label(&mut self, label: u64) {
        if let Some((_, labels)) = &mut self.listed {
            labels.push(label);
            return;
        }
        self.labels.update(&label.to_le_bytes()[..2]);
    }

    pub fn weights(&mut self, codes: &[u8]) {
        self.weights.update(codes);
    }

    /// Adds what the rule keeps, up to one image more than the K of HEAD.
    pub fn apply(&mut self, rule: &Rule, head: &Head, codes: Option<&Codes>) -> Result<()> {
        let (positions, labels) = self.listed.take().unwrap_or_default();
        self.count = 0;
        let listed = positions.into_iter().zip(labels);
        rule.apply(codes, head.pool_size, listed, |position, label| {
            self.position(position);
            self.label(label);
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
        id.update(&self.positions.finish());
        id.update(&self.labels.finish());
        id.update(&self.weights.finish());
        let id = id.finish();
        require(id.starts_with(&head.check), "content-check")?;
        Ok(id)
    }
}
