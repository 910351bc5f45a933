// The pool: section 12.

import { treeHash } from "./tree.js";

/**
 * The pool id: the Merkle tree hash over images in pool order.
 * @param {Uint8Array[]} digests SHA-256 of each image
 * @param {number} [size] number of images that count, from the start
 * @returns {Promise<Uint8Array>}
 */
export function poolId(digests, size = digests.length) {
  return treeHash("plada-pool-1\0", size, (i) => digests[i]);
}
