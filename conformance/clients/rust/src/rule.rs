//! Rules: kept images by their codes (section 17 and Appendix B.8).

use crate::bytes::Bytes;
use crate::dense::{Decoder, Distances, FRESH};
use crate::digest::Rows;
use crate::head::Head;
use crate::refusal::{require, Limits, Result};

pub struct Rule<'a> {
    pub codes_id: &'a [u8],
    columns: usize,
    weights: Vec<i8>, // column by column, a weight for each class
    biases: Vec<i32>,
    thresholds: Vec<i32>,
}

impl<'a> Rule<'a> {
    pub fn read(body: &'a [u8], head: &Head, limits: &Limits) -> Result<Self> {
        let mut bytes = Bytes { rest: body, short: "body-short" };
        let (codes_id, columns, scale) = (bytes.take(8)?, bytes.varint()?, bytes.byte()?);
        let (top, shift) = (usize::from(scale & 15), scale >> 4);
        let shaped = (1..=1024).contains(&columns) && top > 0 && head.classes > 1;
        require(shaped, "rule-shape")?;
        let work = (u128::from(head.pool_size) + (1 << 18)) * u128::from(head.classes * columns);
        require(work <= u128::from(limits.work), "limit-work")?;
        let (classes, columns) = (head.classes as usize, columns as usize);
        let mut decoder = Decoder::new(bytes.rest)?;
        let (mut sizes, mut signs) = ([FRESH; 15], [FRESH; 3]);
        let mut weights = Vec::new();
        weights.try_reserve_exact(classes * columns).map_err(|_| "x-no-memory")?;
        let mut sums = vec![0; classes]; // of the absolute values of a class's weights
        for _ in 0..columns {
            let mut total = 0i64;
            for sum in &mut sums {
                let bits = (0..top).take_while(|&size| decoder.bit(&mut sizes[size]));
                let size = bits.count() as i64;
                let sign = &mut signs[total.signum().rem_euclid(3) as usize];
                let weight = if size > 0 && decoder.bit(sign) { -size } else { size };
                weights.push(weight as i8);
                total += weight;
                *sum += size;
            }
        }
        let folded = numbers(&mut decoder, classes)?;
        let numbers = folded.into_iter().zip(numbers(&mut decoder, classes)?);
        decoder.finish()?;
        let (mut biases, mut thresholds) = (Vec::new(), Vec::new());
        for ((folded, threshold), sum) in numbers.zip(sums) {
            let bias = (folded >> 1 ^ -(folded & 1)) << shift; // of 0, 1, 2, 3: 0, -1, 1, -2
            let threshold = threshold << shift;
            let most = bias.abs() + 128 * sum;
            require(most < 1 << 24 && threshold <= 1 << 25, "rule-range")?;
            biases.push(bias as i32);
            thresholds.push(threshold as i32);
        }
        Ok(Rule { codes_id, columns, weights, biases, thresholds })
    }

    /// The codes of `images` images, if there are as many and each has all columns; their id may be
    /// another all the same.
    pub fn rows<'c>(&self, codes: Rows<'c>, images: u64) -> Rows<'c> {
        codes.filter(|codes| codes[0].len() >= self.columns)?.get(..images as usize)
    }

    /// The label of the image with these codes, if the rule keeps it.
    pub fn label(&self, row: &[u8]) -> Option<u64> {
        let mut scores = self.biases.clone();
        for (weights, &code) in self.weights.chunks_exact(scores.len()).zip(row) {
            let code = i32::from(code as i8);
            for (score, &weight) in scores.iter_mut().zip(weights) {
                *score += i32::from(weight) * code;
            }
        }
        // The first of the largest: of equal ones, `max_by_key` takes the last.
        let best = (0..scores.len()).rev().max_by_key(|&class| scores[class])?;
        let largest = scores[best];
        scores[best] = i32::MIN;
        let second = *scores.iter().max()?;
        (largest - second >= self.thresholds[best]).then_some(best as u64)
    }
}

/// A number from 0 on for each class; those from 2^26 on, all of them too large, are 2^26 here.
fn numbers(decoder: &mut Decoder, classes: usize) -> Result<Vec<i64>> {
    let mut distances = Distances::new();
    (0..classes).map(|_| Ok((distances.read(decoder)? - 1).min(1 << 26) as i64)).collect()
}
