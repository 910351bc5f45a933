//! CRC-32, SHA-256 (FIPS 180-4), and the Merkle tree hash of RFC 9162, section 2.1.1.

use std::array::from_fn;

/// The CRC of what `before` is the CRC of, followed by `data`; `before` is 0 at the start.
pub fn crc32(data: &[u8], before: u32) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !data.iter().fold(!before, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
const START: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

pub struct Sha256 {
    state: [u32; 8],
    block: [u8; 64],
    size: u64,
}

impl Sha256 {
    pub fn new() -> Self {
        Sha256 { state: START, block: [0; 64], size: 0 }
    }

    pub fn update(&mut self, data: &[u8]) {
        for &byte in data {
            self.block[(self.size % 64) as usize] = byte;
            self.size += 1;
            if self.size % 64 == 0 {
                self.compress();
            }
        }
    }

    pub fn finish(mut self) -> [u8; 32] {
        let bits = self.size * 8;
        self.update(&[0x80]);
        while self.size % 64 != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        from_fn(|at| self.state[at / 4].to_be_bytes()[at % 4])
    }

    fn compress(&mut self) {
        let mut w: [u32; 64] = [0; 64];
        for (word, bytes) in w.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
        }
        for i in 16..64 {
            let (x, y) = (w[i - 15], w[i - 2]);
            let small = x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3;
            let large = y.rotate_right(17) ^ y.rotate_right(19) ^ y >> 10;
            w[i] = w[i - 16].wrapping_add(small).wrapping_add(w[i - 7]).wrapping_add(large);
        }
        let mut v = self.state;
        for (word, constant) in w.iter().zip(K) {
            let [a, b, c, d, e, f, g, h] = v;
            let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = e & f ^ !e & g;
            let first = [sum, choice, constant, *word].into_iter().fold(h, u32::wrapping_add);
            let sum = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = sum.wrapping_add(a & b ^ a & c ^ b & c);
            v = [first.wrapping_add(second), a, b, c, d.wrapping_add(first), e, f, g];
        }
        self.state = from_fn(|at| self.state[at].wrapping_add(v[at]));
    }
}

pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    parts.iter().for_each(|part| sha.update(part));
    sha.finish()
}

/// Bytes of each image of its pool that a client has, if it has them.
pub type Rows<'a> = Option<&'a [Vec<u8>]>;

/// The tree hash over one leaf for each item: `prefix` and the item.
pub fn tree(prefix: &[u8], items: &[Vec<u8>]) -> [u8; 32] {
    match items {
        [] => sha256(&[]),
        [item] => sha256(&[&[0], prefix, item]),
        _ => {
            let (left, right) = items.split_at(items.len().next_power_of_two() / 2);
            sha256(&[&[1], &tree(prefix, left), &tree(prefix, right)])
        }
    }
}
