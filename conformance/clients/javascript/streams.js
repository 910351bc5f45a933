// Position, label and weight streams: sections 7.3 and 8. Sizes have been checked by the time that a
// stream is decoded, so every array here is in proportion to a stream or to the images of a block.

import { Cursor, width } from "./bytes.js";
import { refuse } from "./errors.js";

export const BITMAP = 0;
export const DELTA = 1;
export const RLE = 2;
export const DENSE = 3;

const POWERS = Float64Array.from({ length: 54 }, (_, index) => 2 ** index);

/**
 * Least and greatest size of a position stream, section 8.4.
 * @param {number} encoding
 * @param {number} span
 * @param {number} count
 * @returns {[number, number]}
 */
export function positionBounds(encoding, span, count) {
  if (encoding === BITMAP) return [Math.ceil(span / 8), Math.ceil(span / 8)];
  if (encoding === DELTA) return splitBounds(count - 1, Math.max(span - 1, 1));
  if (encoding === DENSE) return [0, Infinity];
  const most = splitBounds(2 * Math.min(count, span - count + 1) - 1, span)[1];
  return [2, 8 + most];
}

function splitBounds(n, greatest) {
  const most = width(greatest);
  const least = Math.ceil(n / 2);
  return [least, least + (most >= 15 ? n : 0) + Math.ceil((n * most) / 8)];
}

/** Split integers (section 7.3), checked when this is made and then read one by one. */
export class SplitIntegers {
  /**
   * @param {Uint8Array} data all that is left of the stream
   * @param {number} n
   */
  constructor(data, n) {
    const pairs = Math.ceil(n / 2);
    if (data.length < pairs) refuse("integer-size");
    if (n % 2 === 1 && data[pairs - 1] >> 4 !== 0) refuse("padding-bits");
    let sum = 0;
    let wide = 0;
    for (let i = 0; i < pairs; i += 1) {
      for (const w of [data[i] & 15, data[i] >> 4]) {
        if (w === 15) wide += 1;
        else sum += w;
      }
    }
    const low = pairs + wide;
    if (data.length < low) refuse("integer-size");
    for (let i = pairs; i < low; i += 1) {
      if (data[i] < 15 || data[i] > 52) refuse("integer-width");
      sum += data[i];
    }
    if (data.length !== low + Math.ceil(sum / 8)) refuse("integer-size");
    if (sum % 8 !== 0 && data[data.length - 1] >> (sum % 8) !== 0) refuse("padding-bits");
    this.data = data;
    this.index = 0;
    this.wideAt = pairs;
    this.byteAt = low;
    this.bitAt = 0;
  }

  /** Width of the next integer. */
  nextWidth() {
    const nibble = (this.data[this.index >>> 1] >> (4 * (this.index & 1))) & 15;
    this.index += 1;
    if (nibble < 15) return nibble;
    this.wideAt += 1;
    return this.data[this.wideAt - 1];
  }

  /** The next integer. */
  next() {
    const size = this.nextWidth();
    let value = POWERS[size];
    for (let got = 0; got < size; ) {
      const some = Math.min(8 - this.bitAt, size - got);
      const bits = (this.data[this.byteAt] >> this.bitAt) & ((1 << some) - 1);
      value += bits * POWERS[got];
      got += some;
      this.bitAt += some;
      if (this.bitAt === 8) {
        this.bitAt = 0;
        this.byteAt += 1;
      }
    }
    return value;
  }
}

/**
 * Adds up distances: positions from `first`, whose last one has to end the span.
 * @param {() => number} next
 * @param {number} first
 * @param {number} span
 * @param {Uint32Array | Float64Array} out one element for each kept image
 */
function addUp(next, first, span, out) {
  const last = first + span - 1;
  let position = first;
  out[0] = position;
  for (let i = 1; i < out.length; i += 1) {
    const distance = next();
    if (distance > last - position) refuse("distance-total");
    position += distance;
    out[i] = position;
  }
  if (position !== last) refuse("distance-total");
}

/**
 * Section 8.1.
 * @param {Uint8Array} data
 * @param {number} first
 * @param {number} span
 * @param {Uint32Array | Float64Array} out
 */
export function readBitmap(data, first, span, out) {
  const size = data.length;
  if (span % 8 !== 0 && data[size - 1] >> (span % 8) !== 0) refuse("padding-bits");
  let count = 0;
  for (let i = 0; i < size; i += 1) {
    for (let byte = data[i]; byte !== 0; byte &= byte - 1) {
      if (count < out.length) out[count] = first + (8 * i + 31 - Math.clz32(byte & -byte));
      count += 1;
    }
  }
  if (count !== out.length) refuse("position-count");
  if (out[0] !== first || out[count - 1] !== first + (span - 1)) refuse("block-not-tight");
}

/**
 * Section 8.2.
 * @param {Uint8Array} data
 * @param {number} first
 * @param {number} span
 * @param {Uint32Array | Float64Array} out
 */
export function readDelta(data, first, span, out) {
  const distances = new SplitIntegers(data, out.length - 1);
  addUp(() => distances.next(), first, span, out);
}

/**
 * Section 8.3.
 * @param {Uint8Array} data
 * @param {number} first
 * @param {number} span
 * @param {Uint32Array | Float64Array} out
 */
export function readRle(data, first, span, out) {
  const count = out.length;
  const cursor = new Cursor(data, 0, data.length, "integer-size");
  const runs = readRunCount(cursor);
  if (runs < 1 || runs > Math.min(count, span - count + 1)) refuse("run-count");
  const rest = data.subarray(cursor.at);
  const integers = new SplitIntegers(rest, 2 * runs - 1);
  // 2^53 - 1 is in reach of a run, so these may be wider than positions are.
  const lengths = new Float64Array(2 * runs - 1);
  let total = 0;
  let kept = 0;
  for (let i = 0; i < lengths.length; i += 1) {
    lengths[i] = integers.next();
    if (lengths[i] > span - total) refuse("run-total");
    total += lengths[i];
    if (i < runs) kept = total;
  }
  if (total !== span) refuse("run-total");
  if (kept !== count) refuse("position-count");
  let position = first;
  let at = 0;
  for (let run = 0; run < runs; run += 1) {
    for (let i = 0; i < lengths[run]; i += 1, at += 1) out[at] = position + i;
    position += lengths[run] + (run < runs - 1 ? lengths[runs + run] : 0);
  }
}

/** The cursor counts from the stream's start, so its offsets mean nothing to the file. */
function readRunCount(cursor) {
  try {
    return cursor.varint();
  } catch (error) {
    return refuse(error.code);
  }
}

/**
 * Decoded size of a plain label stream.
 * @param {number} classes
 * @param {number} count
 */
export function labelSize(classes, count) {
  if (classes === 1) return 0;
  return classes <= 256 ? count : 2 * count;
}

/**
 * Section 8.5.
 * @param {Uint8Array} data
 * @param {number} classes
 * @param {Uint16Array} out
 */
export function readLabels(data, classes, out) {
  const count = out.length;
  if (classes === 1) return;
  for (let i = 0; i < count; i += 1) {
    const label = classes <= 256 ? data[i] : data[i] + 256 * data[count + i];
    if (label >= classes) refuse("label-range");
    out[i] = label;
  }
}

/**
 * Section 8.5.
 * @param {Uint8Array} data
 * @param {number} bits 4 or 8
 * @param {Uint8Array} out
 */
export function readCodes(data, bits, out) {
  if (bits === 8) {
    out.set(data);
    return;
  }
  if (out.length % 2 === 1 && data[data.length - 1] >> 4 !== 0) refuse("padding-bits");
  for (let i = 0; i < out.length; i += 1) out[i] = (data[i >>> 1] >> (4 * (i & 1))) & 15;
}
