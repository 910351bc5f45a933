// The tree hash of pools and of code tables: sections 12.1 and 17.1.

import { ascii } from "./bytes.js";
import { sha256OfShort } from "./sha256.js";
import { turn } from "./slices.js";

const SLICE = 2 ** 13; // leaves

/**
 * The Merkle tree hash of RFC 9162.
 * @param {string} prefix of every leaf's data, ASCII
 * @param {number} size number of leaves
 * @param {(index: number) => Uint8Array | Int8Array} leaf the rest of a leaf's data
 * @returns {Promise<Uint8Array>}
 */
export async function treeHash(prefix, size, leaf) {
  if (size === 0) return sha256OfShort(new Uint8Array(0));
  const leafMessage = new Uint8Array(1 + prefix.length + leaf(0).length);
  leafMessage.set(ascii(prefix), 1);
  const nodeMessage = new Uint8Array(65);
  nodeMessage[0] = 1;
  // Whole subtrees from left to right, each with 2^level leaves and larger than the next one. The
  // next leaf joins those of its own size, as a carry does; what is left joins from the right.
  const hashes = [];
  const levels = [];
  const join = () => {
    nodeMessage.set(hashes.pop(), 33);
    nodeMessage.set(hashes.pop(), 1);
    hashes.push(sha256OfShort(nodeMessage));
    levels.pop();
    levels.push(levels.pop() + 1);
  };
  for (let i = 0; i < size; i += 1) {
    if (i % SLICE === SLICE - 1) await turn();
    leafMessage.set(leaf(i), 1 + prefix.length);
    hashes.push(sha256OfShort(leafMessage));
    levels.push(0);
    while (levels.length > 1 && levels.at(-1) === levels.at(-2)) join();
  }
  while (hashes.length > 1) join();
  return hashes[0];
}
