// The Zstandard profile: section 7.2 and Appendix B.7. A frame is examined here, and its blocks in
// zstd_check.js, before the decoder sees it.

import { decompress } from "fzstd";
import { refuse } from "./errors.js";
import { BlockChecker } from "./zstd_check.js";

const MAX_WINDOW = 2 ** 23;
const MAX_BLOCK = 2 ** 17;
const COMPRESSED = 2;

/**
 * Checks a frame against the profile.
 * @param {Uint8Array} frame
 * @param {number} base offset of the frame in the file
 * @returns {{size: number, window: number, blocks: {at: number, kind: number, length: number}[]}}
 * the decoded size, and where the blocks' headers are
 */
export function examine(frame, base) {
  const bad = (code, at = 0) => refuse(code, base + at);
  const number = (at, size) => {
    let value = 0;
    for (let i = size - 1; i >= 0; i -= 1) value = value * 256 + frame[at + i];
    return value;
  };
  if (frame.length < 5) bad("zstd-frame");
  const magic = number(0, 4);
  if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) bad("zstd-skippable");
  if (magic !== 0xfd2fb528) bad("zstd-frame");
  const descriptor = frame[4];
  const single = (descriptor >> 5) & 1;
  if (descriptor & 8) bad("zstd-frame", 4);
  if (descriptor & 4) bad("zstd-checksum", 4);
  if (descriptor & 3) bad("zstd-dictionary", 4);
  const sizeBytes = [single, 2, 4, 8][descriptor >> 6];
  if (sizeBytes === 0) bad("zstd-no-size", 4);
  let at = 6 - single;
  if (frame.length < at + sizeBytes) bad("zstd-frame", frame.length);
  const size = number(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const unit = 2 ** (10 + (frame[5] >> 3));
  const window = single ? size : unit + (unit / 8) * (frame[5] & 7);
  if (window > MAX_WINDOW || window < Math.min(size, MAX_WINDOW)) bad("zstd-window", 5);
  at += sizeBytes;
  const blocks = [];
  for (let last = 0; last === 0; ) {
    if (frame.length < at + 3) bad("zstd-frame", at);
    const header = number(at, 3);
    last = header & 1;
    const kind = (header >> 1) & 3;
    const length = header >> 3;
    if (kind === 3 || length > Math.min(window, MAX_BLOCK)) bad("zstd-block", at);
    blocks.push({ at, kind, length });
    at += 3 + (kind === 1 ? 1 : length);
    if (frame.length < at) bad("zstd-frame", at);
  }
  if (frame.length > at) bad("zstd-trailing", at);
  return { size, window, blocks };
}

/**
 * Decodes a frame that passed `examine`.
 * @param {Uint8Array} frame
 * @param {ReturnType<typeof examine>} examined
 * @returns {Uint8Array}
 */
export function decode(frame, { size, window, blocks }) {
  const checker = new BlockChecker(window);
  for (const { at, kind, length } of blocks) {
    if (kind === COMPRESSED) checker.check(frame.subarray(at + 3, at + 3 + length));
    else checker.produced += length;
    if (checker.produced > size) refuse("zstd-corrupt");
  }
  if (checker.produced !== size) refuse("zstd-corrupt");
  // fzstd makes the buffer itself, of the stated size: one that it is given it turns into a string
  // (`buffer == 1`), which takes longer than decoding.
  let out;
  try {
    out = decompress(frame);
  } catch {
    refuse("zstd-corrupt");
  }
  if (out.length !== size) refuse("zstd-corrupt");
  return out;
}
