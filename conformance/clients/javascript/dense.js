// Dense streams: section 9 and Appendix B.5. `range` and `code` stay below 2^32, as unsigned 32-bit
// integers (`>>> 0`), because a code is less than its range; distances reach 2^53 - 1.

import { width } from "./bytes.js";
import { refuse } from "./errors.js";

const QUEUE = 12;

/** Bit models: the probability of a 1 and the number of uses of each. */
export class Models {
  /** @param {number} size */
  constructor(size) {
    this.p = new Uint16Array(size);
    this.uses = new Uint8Array(size);
    this.used = [];
  }

  /** As new. Costs what the models in use cost, not what all of them do. */
  reset() {
    for (const index of this.used) this.uses[index] = 0;
    this.used.length = 0;
  }
}

/** The range decoder. */
export class Coder {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.at = 0;
    this.range = 0xffffffff;
    this.code = 0;
    for (let i = 0; i < 4; i += 1) this.shift();
    if (this.code === 0xffffffff) refuse("dense-corrupt");
  }

  /** Takes a byte into the code; after the end they are 0. */
  shift() {
    const byte = this.at < this.data.length ? this.data[this.at] : 0;
    this.at += 1;
    this.code = ((this.code << 8) | byte) >>> 0;
  }

  refill() {
    while (this.range < 0x1000000) {
      this.range = (this.range << 8) >>> 0;
      this.shift();
    }
  }

  /**
   * @param {Models} models
   * @param {number} index
   */
  bit(models, index) {
    const n = models.uses[index];
    if (n === 0) {
      models.p[index] = 32768;
      models.used.push(index);
    }
    const p = models.p[index];
    const step = Math.min(6, 32 - Math.clz32(n + 1));
    models.uses[index] = Math.min(n + 1, 31);
    const bound = (this.range >>> 12) * (p >>> 4);
    let result = 0;
    if (this.code < bound) {
      this.range = bound;
      models.p[index] = p + ((65536 - p) >> step);
      result = 1;
    } else {
      this.code -= bound;
      this.range -= bound;
      models.p[index] = p - (p >> step);
    }
    if (this.range < 0x1000000) this.refill();
    return result;
  }

  /** @param {number} k at most 16 */
  direct(k) {
    this.range >>>= k;
    const value = Math.floor(this.code / this.range);
    if (value >= 1 << k) refuse("dense-corrupt");
    this.code -= value * this.range;
    this.refill();
    return value;
  }

  /** Checks that the stream is the one that the encoder writes. */
  finish() {
    const { data, at } = this;
    let last = 0;
    for (let i = at - 4; i < at; i += 1) last = last * 256 + (i < data.length ? data[i] : 0);
    const low = (last - this.code + 2 ** 32) % 2 ** 32;
    if (data.length > at || (data.length > 0 && data[data.length - 1] === 0)) refuse("dense-tail");
    if (tail(low, this.range) % 2 ** 32 !== last) refuse("dense-tail");
  }
}

/** The roundest value from low to low + range - 1. */
function tail(low, range) {
  for (const unit of [2 ** 32, 2 ** 24, 2 ** 16, 2 ** 8]) {
    const value = Math.ceil(low / unit) * unit;
    if (value < low + range) return value;
  }
  return low;
}

/** Decodes distances, from 1 to 2^53 - 1. */
export class Distances {
  constructor() {
    this.widths = new Models(31 * 16);
    this.second = new Models(16);
    this.average = 64; // of the widths, in 1/16
  }

  /** As new. */
  reset() {
    this.widths.reset();
    this.second.reset();
    this.average = 64;
  }

  /** @param {Coder} coder */
  read(coder) {
    const tree = (this.average >> 3) * 16;
    let node = 1;
    while (node < 16) node = 2 * node + coder.bit(this.widths, tree + node);
    const kind = node - 16;
    this.average += (16 * kind - this.average) >> 2;
    if (kind === 0) return 1;
    const size = kind < 15 ? kind : 15 + coder.direct(6);
    if (size > 52) refuse("dense-corrupt");
    let value = 2 + coder.bit(this.second, kind);
    for (let left = size - 1; left > 0; ) {
      const k = Math.min(left, 16);
      value = value * 2 ** k + coder.direct(k);
      left -= k;
    }
    return value;
  }
}

/** Decodes the dense streams of a file's blocks, one after the other. */
export class Dense {
  /** @param {number} classes */
  constructor(classes) {
    this.classes = classes;
    this.bits = classes > 1 ? width(classes - 1) + 1 : 0;
    this.distances = new Distances();
    this.ranks = new Models(QUEUE * 8 * 4);
    this.tree = null; // made for the first dense label stream
    this.labels = new Int32Array(QUEUE); // the queue, heaviest first
    this.weights = new Int32Array(QUEUE);
    this.length = 0;
  }

  /**
   * @param {Uint8Array} data
   * @param {number} first
   * @param {number} span
   * @param {Uint32Array | Float64Array} out
   */
  readPositions(data, first, span, out) {
    this.distances.reset();
    const coder = new Coder(data);
    const last = first + span - 1;
    let position = first;
    let fits = true; // other faults come first, up to the stream's end
    out[0] = first;
    for (let i = 1; i < out.length; i += 1) {
      const distance = this.distances.read(coder);
      if (distance > last - position) fits = false;
      if (fits) position += distance;
      out[i] = position;
    }
    coder.finish();
    if (!fits || position !== last) refuse("distance-total");
  }

  /**
   * @param {Uint8Array} data
   * @param {Uint32Array | Float64Array} positions those of the same block
   * @param {number} shift
   * @param {Uint16Array} out
   */
  readLabels(data, positions, shift, out) {
    this.tree ??= new Models(2 ** this.bits);
    this.tree.reset();
    this.ranks.reset();
    this.length = 0;
    const coder = new Coder(data);
    let average = 64;
    for (let i = 0; i < out.length; i += 1) {
      const kind = i === 0 ? 0 : Math.min(width(positions[i] - positions[i - 1]), 15);
      this.decay(shift, 16 * kind > average + 48);
      average += (16 * kind - average) >> 2;
      out[i] = this.readLabel(coder, 9 + shift, kind >> 2);
    }
    coder.finish();
  }

  decay(shift, far) {
    const { weights, length } = this;
    for (let i = 0; i < length; i += 1) {
      let weight = weights[i];
      weight -= weight >> shift;
      if (far) weight -= weight >> 1;
      weights[i] = weight;
    }
  }

  readLabel(coder, coarse, near) {
    const { labels, weights, length } = this;
    let place = 0;
    while (place < length) {
      const model = place * 32 + (weights[place] >> coarse) * 4 + near;
      if (coder.bit(this.ranks, model) === 1) break;
      place += 1;
    }
    const label = place < length ? labels[place] : this.readNewLabel(coder);
    const weight = 4096 + (place < length ? weights[place] : 0);
    // The label leaves its place, or the last one leaves a full queue; then it goes in by weight.
    let to = 0;
    while (to < length && to !== place && weights[to] > weight) to += 1;
    const from = place < length ? place : Math.min(length, QUEUE - 1);
    for (let i = from; i > to; i -= 1) {
      labels[i] = labels[i - 1];
      weights[i] = weights[i - 1];
    }
    labels[Math.min(to, from)] = label;
    weights[Math.min(to, from)] = weight;
    this.length = Math.max(length, from + 1);
    return label;
  }

  readNewLabel(coder) {
    let node = 1;
    for (let i = 0; i < this.bits; i += 1) node = 2 * node + coder.bit(this.tree, node);
    const label = node - 2 ** this.bits;
    if (label >= this.classes) refuse("dense-corrupt");
    for (let i = 0; i < this.length; i += 1) {
      if (this.labels[i] === label) refuse("dense-corrupt");
    }
    return label;
  }
}
