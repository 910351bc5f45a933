// The tree hash of pools and of code tables: sections 12.1 and 17.1.

import { ascii, concat } from "./bytes.js";
import { sha256OfShort } from "./sha256.js";
import { turn } from "./slices.js";

const SLICE = 2 ** 14; // leaves

/**
 * The Merkle tree hash of RFC 9162.
 * @param {string} prefix of every leaf's data, ASCII
 * @param {number} size number of leaves
 * @param {(index: number) => ArrayBufferView} leaf the rest of a leaf's data
 * @returns {Promise<Uint8Array>}
 */
export async function treeHash(prefix, size, leaf) {
  // Whole subtrees from left to right, each with 2^level leaves and larger than the next one. The
  // next leaf joins those of its own size, as a carry does; what is left joins from the right.
  const start = ascii(prefix);
  const whole = [];
  const join = () => {
    const right = whole.pop();
    const left = whole.pop();
    const hash = sha256OfShort(concat(1, left.hash, right.hash));
    whole.push({ level: right.level + 1, hash });
  };
  for (let i = 0; i < size; i += 1) {
    if (i % SLICE === SLICE - 1) await turn();
    whole.push({ level: 0, hash: sha256OfShort(concat(0, start, leaf(i))) });
    while (whole.length > 1 && whole.at(-1).level === whole.at(-2).level) join();
  }
  while (whole.length > 1) join();
  return whole.length === 1 ? whole[0].hash : sha256OfShort(new Uint8Array(0));
}
