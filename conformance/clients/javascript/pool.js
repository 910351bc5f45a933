// The pool: section 12.

import { concat, ascii, sha256 } from "./bytes.js";

const LEAF = concat(0, ascii("plada-pool-1\0"));

/**
 * The pool id: the Merkle tree hash over images in pool order.
 * @param {Uint8Array[]} digests SHA-256 of each image
 * @param {number} [size] number of images that count, from the start
 * @returns {Promise<Uint8Array>}
 */
export async function poolId(digests, size = digests.length) {
  // Whole subtrees from left to right, each with 2^level leaves and larger than the next one. The
  // next leaf joins those of its own size, as a carry does; what is left joins from the right.
  const whole = [];
  const join = async () => {
    const right = whole.pop();
    const left = whole.pop();
    whole.push({ level: right.level + 1, hash: await sha256(concat(1, left.hash, right.hash)) });
  };
  for (let i = 0; i < size; i += 1) {
    whole.push({ level: 0, hash: await sha256(concat(LEAF, digests[i])) });
    while (whole.length > 1 && whole.at(-1).level === whole.at(-2).level) await join();
  }
  while (whole.length > 1) await join();
  return whole.length === 1 ? whole[0].hash : sha256(new Uint8Array(0));
}
