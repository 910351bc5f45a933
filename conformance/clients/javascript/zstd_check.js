// What a Zstandard decoder has to find wrong with a block (RFC 8878, sections 3.1.1.3 and 4). fzstd
// does not look: it takes bits from beyond a block and bytes from before the content, and some
// tables make it run for ever. So every table and every sequence is checked here first, and with
// them how much each block decodes to; fzstd then decodes the literals and copies.

import { refuse } from "./errors.js";

/** Refuses unless `fine`. */
function must(fine) {
  if (!fine) refuse("zstd-corrupt");
}

const highBit = (value) => 31 - Math.clz32(value);

/** Bits from the end of `data` to its start; the last byte's highest 1 marks where they begin. */
class BackwardBits {
  constructor(data) {
    must(data.length > 0 && data[data.length - 1] !== 0);
    this.data = data;
    this.left = 8 * data.length - 8 + highBit(data[data.length - 1]);
  }

  /** @param {number} size at most 31 */
  take(size) {
    must(size <= this.left);
    let value = 0;
    for (let got = 0; got < size; ) {
      const some = Math.min(size - got, ((this.left - 1) & 7) + 1);
      this.left -= some;
      const bits = (this.data[this.left >>> 3] >> (this.left & 7)) & ((1 << some) - 1);
      value = value * 2 ** some + bits;
      got += some;
    }
    return value;
  }
}

/**
 * A table description (section 4.1.1).
 * @returns {{counts: number[], log: number, size: number}} size in bytes
 */
function readCounts(data, maxLog, maxSymbol) {
  const bit = (at) => (data[at >>> 3] >> (at & 7)) & 1;
  let at = 0;
  const take = (size) => {
    must(at + size <= 8 * data.length);
    let value = 0;
    for (let i = 0; i < size; i += 1) value += bit(at + i) << i;
    at += size;
    return value;
  };
  const log = take(4) + 5;
  must(log <= maxLog);
  const counts = [];
  let left = 1 << log;
  while (left > 0) {
    must(counts.length <= maxSymbol);
    // A value from 0 to left + 1; the lowest ones have a bit less.
    const size = highBit(left + 1);
    const short = 2 ** (size + 1) - 2 - left;
    let value = take(size);
    if (value >= short) {
      value += take(1) << size;
      if (value >= 1 << size) value -= short;
    }
    const count = value - 1;
    counts.push(count);
    left -= Math.abs(count);
    if (count !== 0) continue;
    for (let more = 3; more === 3; ) {
      more = take(2);
      for (let i = 0; i < more; i += 1) counts.push(0);
      must(counts.length <= maxSymbol + 1);
    }
  }
  must(left === 0);
  return { counts, log, size: Math.ceil(at / 8) };
}

/** The decoding table of counts, where -1 is "less than 1" (section 4.1.1). */
function buildTable({ counts, log }) {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = counts.map((count) => Math.abs(count));
  let high = size;
  counts.forEach((count, symbol) => {
    if (count === -1) symbols[--high] = symbol;
  });
  let at = 0;
  counts.forEach((count, symbol) => {
    for (let i = 0; i < count; i += 1) {
      symbols[at] = symbol;
      do at = (at + (size >> 1) + (size >> 3) + 3) & (size - 1);
      while (at >= high);
    }
  });
  must(at === 0);
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let state = 0; state < size; state += 1) {
    const x = next[symbols[state]]++;
    bits[state] = log - highBit(x);
    base[state] = (x << bits[state]) - size;
  }
  return { log, symbols, bits, base };
}

const rleTable = (symbol) => ({ log: 0, symbols: [symbol], bits: [0], base: [0] });

const repeat = (...pairs) => pairs.flatMap(([value, times]) => Array(times).fill(value));

/** Literal lengths, offsets and match lengths (section 3.1.1.3.2.1): bits of codes, and tables. */
const KINDS = [
  {
    extra: [...repeat([0, 16], [1, 4], [2, 2], [3, 2]), 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    least: 0,
    maxLog: 9,
    usual: [4, 3, ...repeat([2, 11], [1, 3], [2, 9]), 3, 2, ...repeat([1, 5], [-1, 4])],
    usualLog: 6,
  },
  {
    extra: Array.from({ length: 32 }, (_, code) => code),
    least: 1,
    maxLog: 8,
    usual: repeat([1, 6], [2, 3], [1, 15], [-1, 5]),
    usualLog: 5,
  },
  {
    extra: [
      ...repeat([0, 32], [1, 4], [2, 2], [3, 2], [4, 2]), 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ],
    least: 3,
    maxLog: 9,
    usual: [1, 4, 3, ...repeat([2, 6], [1, 37], [-1, 7])],
    usualLog: 6,
  },
];
for (const kind of KINDS) {
  let from = kind.least;
  kind.base = kind.extra.map((bits) => (from += 2 ** bits) - 2 ** bits);
  kind.usualTable = buildTable({ counts: kind.usual, log: kind.usualLog });
}

/**
 * A Huffman tree (section 4.2.1). Only its size matters here, and that it is complete.
 * @returns {number} size in bytes
 */
function checkTree(data) {
  must(data.length > 0);
  const header = data[0];
  const size = header < 128 ? 1 + header : 1 + Math.ceil((header - 127) / 2);
  must(size <= data.length);
  const weights = [];
  if (header < 128) {
    readWeights(data.subarray(1, size), weights);
  } else {
    for (let i = 0; i < header - 127; i += 1) {
      weights.push((data[1 + (i >> 1)] >> (i & 1 ? 0 : 4)) & 15);
    }
  }
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  must(sum > 0 && Math.max(...weights) <= 11);
  const log = highBit(sum) + 1;
  const rest = 2 ** log - sum; // what the last symbol has
  must(log <= 11 && (rest & (rest - 1)) === 0);
  weights.push(highBit(rest) + 1);
  const ones = weights.filter((weight) => weight === 1).length;
  must(ones >= 2 && ones % 2 === 0);
  return size;
}

/** Weights as an FSE stream with two states that take turns (section 4.2.1.2). */
function readWeights(data, weights) {
  const description = readCounts(data, 6, 255);
  const table = buildTable(description);
  const bits = new BackwardBits(data.subarray(description.size));
  const states = [bits.take(table.log), bits.take(table.log)];
  for (let turn = 0; ; turn = 1 - turn) {
    const state = states[turn];
    weights.push(table.symbols[state]);
    must(weights.length < 255);
    if (table.bits[state] > bits.left) {
      weights.push(table.symbols[states[1 - turn]]);
      return;
    }
    states[turn] = table.base[state] + bits.take(table.bits[state]);
  }
}

/** Checks the blocks of a frame one by one, and keeps what later ones need of earlier ones. */
export class BlockChecker {
  /** @param {number} window */
  constructor(window) {
    this.window = window;
    this.maxBlock = Math.min(window, 2 ** 17);
    this.produced = 0;
    this.hasTree = false;
    this.tables = [null, null, null];
    this.offsets = [1, 4, 8];
  }

  /**
   * A compressed block; `produced` grows by what it decodes to.
   * @param {Uint8Array} data
   */
  check(data) {
    const { at, literals } = this.literals(data);
    const produced = this.produced + literals + this.sequences(data.subarray(at), literals);
    must(produced - this.produced <= this.maxBlock);
    this.produced = produced;
  }

  /** Section 3.1.1.3.1. @returns {{at: number, literals: number}} their end and their number */
  literals(data) {
    must(data.length >= 2);
    const type = data[0] & 3;
    const format = (data[0] >> 2) & 3;
    const headerSize = type < 2 ? [1, 2, 1, 3][format] : [3, 3, 4, 5][format];
    must(data.length >= headerSize);
    let header = 0;
    for (let i = headerSize - 1; i >= 0; i -= 1) header = header * 256 + data[i];
    if (type < 2) {
      const literals = Math.floor(header / (format & 1 ? 16 : 8));
      const at = headerSize + (type === 0 ? literals : 1);
      must(literals <= this.maxBlock && at <= data.length);
      return { at, literals };
    }
    const unit = 2 ** [10, 10, 14, 18][format];
    const literals = Math.floor(header / 16) % unit;
    const at = headerSize + Math.floor(header / 16 / unit);
    must(literals > 0 && literals <= this.maxBlock && at <= data.length);
    let streams = data.subarray(headerSize, at);
    if (type === 2) streams = streams.subarray(checkTree(streams));
    must(type === 2 || this.hasTree);
    this.hasTree = true;
    if (format > 0) {
      must(literals >= 6 && streams.length >= 10);
      const firstThree = [0, 2, 4].reduce((sum, i) => sum + streams[i] + 256 * streams[i + 1], 0);
      must(6 + firstThree < streams.length);
    }
    return { at, literals };
  }

  /** Section 3.1.1.3.2. @returns {number} the sum of the match lengths */
  sequences(data, literals) {
    must(data.length > 0);
    let at = 1;
    let count = data[0];
    if (count >= 128) {
      at = count === 255 ? 3 : 2;
      must(data.length >= at);
      count = count === 255 ? data[1] + 256 * data[2] + 0x7f00 : (count - 128) * 256 + data[1];
    }
    if (count === 0) {
      must(at === data.length);
      return 0;
    }
    must(data.length > at);
    const modes = data[at];
    at += 1;
    must((modes & 3) === 0);
    for (let kind = 0; kind < 3; kind += 1) {
      at += this.table(kind, (modes >> (6 - 2 * kind)) & 3, data.subarray(at));
    }
    return this.execute(count, new BackwardBits(data.subarray(at)), literals);
  }

  /** Sets the table for a kind of code. @returns {number} size of its description */
  table(kind, mode, data) {
    const { extra, maxLog, usualTable } = KINDS[kind];
    let size = 0;
    if (mode === 0) {
      this.tables[kind] = usualTable;
    } else if (mode === 1) {
      must(data.length > 0 && data[0] < extra.length);
      this.tables[kind] = rleTable(data[0]);
      size = 1;
    } else if (mode === 2) {
      const description = readCounts(data, maxLog, extra.length - 1);
      this.tables[kind] = buildTable(description);
      size = description.size;
    }
    must(this.tables[kind] !== null);
    return size;
  }

  execute(count, bits, literals) {
    const { tables } = this;
    const states = tables.map((table) => bits.take(table.log));
    const read = (kind) => {
      const code = tables[kind].symbols[states[kind]];
      return KINDS[kind].base[code] + bits.take(KINDS[kind].extra[code]);
    };
    let matched = 0;
    let taken = 0;
    for (let i = 0; i < count; i += 1) {
      const value = 2 ** tables[1].symbols[states[1]] + bits.take(tables[1].symbols[states[1]]);
      const match = read(2);
      const length = read(0);
      taken += length;
      const before = this.produced + taken + matched;
      const offset = this.offset(value, length);
      matched += match;
      must(taken <= literals && literals + matched <= this.maxBlock);
      must(offset > 0 && offset <= Math.min(before, this.window));
      if (i === count - 1) break;
      for (const kind of [0, 2, 1]) {
        const state = states[kind];
        states[kind] = tables[kind].base[state] + bits.take(tables[kind].bits[state]);
      }
    }
    must(bits.left === 0);
    return matched;
  }

  /** Section 3.1.1.5. */
  offset(value, length) {
    const { offsets } = this;
    if (value > 3) {
      this.offsets = [value - 3, offsets[0], offsets[1]];
      return value - 3;
    }
    const which = value - 1 + (length === 0 ? 1 : 0);
    const offset = which === 3 ? offsets[0] - 1 : offsets[which];
    if (which === 1) this.offsets = [offset, offsets[0], offsets[2]];
    if (which > 1) this.offsets = [offset, offsets[0], offsets[1]];
    return offset;
  }
}
