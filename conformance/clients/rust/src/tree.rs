//! The Merkle tree hash of RFC 9162, section 2.1.1, of pools and code tables (12.1, 17.1).

use crate::sha256::Sha256;

fn hash(parts: [&[u8]; 3]) -> [u8; 32] {
    let mut sha = Sha256::new();
    parts.iter().for_each(|part| sha.update(part));
    sha.finish()
}

/// The tree hash over one leaf for each item: `prefix` and the item.
pub fn root<'a>(prefix: &[u8], items: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut whole: Vec<[u8; 32]> = Vec::new(); // full subtrees, one for each 1 bit of the count
    for (index, item) in items.enumerate() {
        let mut node = hash([&[0], prefix, item]);
        for _ in 0..index.trailing_ones() {
            let left = whole.pop().unwrap_or_default();
            node = hash([&[1], &left, &node]);
        }
        whole.push(node);
    }
    let joined = whole.into_iter().rev().reduce(|right, left| hash([&[1], &left, &right]));
    joined.unwrap_or_else(|| Sha256::new().finish())
}
