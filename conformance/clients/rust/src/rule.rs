//! Rules: kept images by their codes (section 17 and Appendix B.8).

use crate::bytes::Bytes;
use crate::dense::{Decoder, Distances, FRESH};
use crate::head::Head;
use crate::refusal::{require, Limits, Result};
use crate::tree;

/// The codes of a pool: rows of `columns` bytes in two's complement, one row for each image.
pub struct Codes {
    columns: usize,
    rows: Vec<u8>,
}

impl Codes {
    /// None without a code, or if rows differ in length.
    pub fn new(rows: &[Vec<u8>]) -> Option<Self> {
        let columns = rows.first()?.len();
        let even = columns > 0 && rows.iter().all(|row| row.len() == columns);
        even.then(|| Codes { columns, rows: rows.concat() })
    }

    /// The first `size` rows, if there are as many.
    fn first(&self, size: u64) -> Option<&[u8]> {
        let rows = (self.rows.len() / self.columns) as u64;
        (size <= rows).then(|| &self.rows[..size as usize * self.columns])
    }
}

pub struct Rule {
    codes_id: [u8; 8],
    columns: usize,
    weights: Vec<i8>, // column by column, a weight for each class
    biases: Vec<i32>,
    thresholds: Vec<i32>,
}

impl Rule {
    pub fn read(body: &[u8], head: &Head, limits: &Limits) -> Result<Self> {
        let mut bytes = Bytes::new(body, "body-short");
        let (codes_id, columns, scale) = (bytes.array()?, bytes.varint()?, bytes.byte()?);
        let (top, shift) = (scale & 15, u32::from(scale >> 4));
        let shaped = (1..=1024).contains(&columns) && top > 0 && head.classes > 1;
        require(shaped, "rule-shape")?;
        let work = (u128::from(head.pool_size) + (1 << 18)) * u128::from(head.classes * columns);
        require(work <= u128::from(limits.work), "limit-work")?;
        let classes = head.classes as usize;
        let mut decoder = Decoder::new(bytes.rest)?;
        let (mut sizes, mut signs) = ([FRESH; 15], [FRESH; 3]);
        let mut weights = Vec::new();
        let number = classes * columns as usize;
        weights.try_reserve_exact(number).map_err(|_| "x-no-memory")?;
        let mut sums = vec![0i64; classes]; // of the absolute values of a class's weights
        for _ in 0..columns {
            let mut total = 0i32;
            for sum in &mut sums {
                let mut weight = 0;
                while weight < top as i8 && decoder.bit(&mut sizes[weight as usize]) {
                    weight += 1;
                }
                *sum += i64::from(weight);
                let sign = &mut signs[total.signum().rem_euclid(3) as usize];
                if weight > 0 && decoder.bit(sign) {
                    weight = -weight;
                }
                total += i32::from(weight);
                weights.push(weight);
            }
        }
        let biases = numbers(&mut decoder, classes, |folded| match folded % 2 {
            1 => (-(folded + 1) / 2) << shift,
            _ => (folded / 2) << shift,
        })?;
        let thresholds = numbers(&mut decoder, classes, |number| number << shift)?;
        decoder.finish()?;
        for ((bias, threshold), sum) in biases.iter().zip(&thresholds).zip(&sums) {
            let most = bias.abs() + i128::from(128 * sum);
            require(most < 1 << 24 && *threshold <= 1 << 25, "rule-range")?;
        }
        let exact = |numbers: Vec<i128>| numbers.into_iter().map(|number| number as i32).collect();
        let (biases, thresholds) = (exact(biases), exact(thresholds));
        Ok(Rule { codes_id, columns: columns as usize, weights, biases, thresholds })
    }

    /// Whether there is a code for each image and column; their id may be another all the same.
    pub fn fits(&self, codes: Option<&Codes>, pool_size: u64) -> bool {
        codes.is_some_and(|c| c.columns >= self.columns && c.first(pool_size).is_some())
    }

    /// Calls `keep` with position and label of each image that the rule keeps or `listed` names:
    /// positions and labels, in order. `keep` says whether to go on.
    pub fn apply(
        &self,
        codes: Option<&Codes>,
        pool_size: u64,
        listed: impl Iterator<Item = (u64, u64)>,
        mut keep: impl FnMut(u64, u64) -> bool,
    ) -> Result<()> {
        let codes = codes.filter(|c| c.columns >= self.columns).ok_or("codes-mismatch")?;
        let rows = codes.first(pool_size).ok_or("codes-mismatch")?.chunks_exact(codes.columns);
        let id = tree::root(b"plada-codes-1\0", rows.clone());
        require(id.starts_with(&self.codes_id), "codes-mismatch")?;
        let mut listed = listed.peekable();
        let mut scores = vec![0; self.biases.len()];
        for (position, row) in (0..).zip(rows) {
            let label = match listed.next_if(|&(named, _)| named == position) {
                Some((_, label)) => Some(label),
                None => self.label(row, &mut scores),
            };
            if label.is_some_and(|label| !keep(position, label)) {
                break;
            }
        }
        Ok(())
    }

    fn label(&self, row: &[u8], scores: &mut [i32]) -> Option<u64> {
        scores.copy_from_slice(&self.biases);
        for (weights, &code) in self.weights.chunks_exact(scores.len()).zip(row) {
            let code = i32::from(code as i8);
            for (score, &weight) in scores.iter_mut().zip(weights) {
                *score += i32::from(weight) * code;
            }
        }
        let (mut best, mut second) = (0, i32::MIN);
        for class in 1..scores.len() {
            if scores[class] > scores[best] {
                (best, second) = (class, scores[best]);
            } else {
                second = second.max(scores[class]);
            }
        }
        (scores[best] - second >= self.thresholds[best]).then_some(best as u64)
    }
}

/// One number from 0 on for each class, each changed by `convert`; 128 bits hold whatever a stream
/// can say, which is checked only after the stream's end.
fn numbers(
    decoder: &mut Decoder,
    classes: usize,
    convert: impl Fn(i128) -> i128,
) -> Result<Vec<i128>> {
    let mut distances = Distances::new();
    let read = |_| Ok(convert(i128::from(distances.read(decoder)?) - 1));
    (0..classes).map(read).collect()
}
