// A reader of the .plada format, version 1, for Node and for the browser.

import { Cursor, ascii, concat, crc32, hex, sha256, u64, utf8 } from "./bytes.js";
import { MAX_COLUMNS, checkCodeTable, codesId, readCodeTable } from "./codes.js";
import { Dense } from "./dense.js";
import { Refused, locate, refuse } from "./errors.js";
import { readMetadata } from "./json.js";
import { poolId } from "./pool.js";
import { applyRule, readRule } from "./rule.js";
import * as streams from "./streams.js";
import { decode, examine } from "./zstd.js";

export { Refused, codesId, poolId, readCodeTable };

/** Default limits, section 15. */
export const LIMITS = Object.freeze({
  kept: 2 ** 24,
  stream: 2 ** 26,
  blocks: 65536,
  class_map: 2 ** 20,
  metadata: 2 ** 16,
  work: 2 ** 41,
});

const MAGIC = [0x89, 0x50, 0x4c, 0x41, 0x44, 0x41, 0x0d, 0x0a];
const HEAD = 0x01;
const CLASSES = 0x02;
const META = 0xc1;
const RULE = 0x05;
const BLOCK = 0x03;
const SIGN = 0x82;
const END = 0x04;
const ORDER = [HEAD, CLASSES, META, RULE, BLOCK, SIGN, END];
const NAMES = ["HEAD", "CLASSES", "META", "RULE", "BLOCK", "SIGN", "END"];
const ZSTD = 1;
const WEIGHTS = 2;
const DENSE = 4;
const RULES = 16;
const FEATURES = { zstd: ZSTD, weights: WEIGHTS, dense: DENSE, rule: RULES };
const KNOWN_FEATURES = ZSTD + WEIGHTS + DENSE + RULES;
const ENCODINGS = ["bitmap", "delta", "RLE", "dense"];
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/**
 * What a payload means, section 3. Members that the file does not have are null.
 * @typedef {object} Payload
 * @property {string} poolId 64 hexadecimal digits
 * @property {number} poolSize N
 * @property {number} kept K
 * @property {number} classes C
 * @property {string[]} features
 * @property {number} maxStream
 * @property {{bits: number, low: number, step: number} | null} weightScale
 * @property {string[] | null} names
 * @property {string[] | null} identifiers
 * @property {Record<string, unknown> | null} metadata an object without prototype
 * @property {Uint32Array | Float64Array} positions ascending
 * @property {Uint16Array} labels
 * @property {Uint8Array | null} codes of weights
 * @property {import("./rule.js").Rule | null} rule
 * @property {Int32Array | null} margins of a rule's images; -1 for those that blocks name
 * @property {{keyId: string} | null} signature the signature is not verified
 * @property {number} blocks
 * @property {string} contentId 64 hexadecimal digits
 */

/**
 * A run of bytes of the file and what it is, in the order of the file.
 * @typedef {{chunk: string, name: string, offset: number, size: number, text: string}} Field
 */

/**
 * Reads a file as section 14 says. It ends with what the file means, or with a `Refused`; or with a
 * `TypeError` if `codes` is no table.
 * @param {Uint8Array} bytes the file
 * @param {object} [options]
 * @param {Partial<typeof LIMITS>} [options.limits]
 * @param {Uint8Array[] | null} [options.digests] of the pool's images, to use the file on it
 * @param {import("./codes.js").Codes | null} [options.codes] of the pool's images, for a rule
 * @param {Partial<Payload>} [options.found] is filled as the file is read, also if it is refused then
 * @param {Field[] | null} [options.fields] likewise
 * @returns {Promise<Payload>}
 */
export async function read(
  bytes,
  { limits = {}, digests = null, codes = null, found = {}, fields = null } = {},
) {
  if (codes !== null) checkCodeTable(codes);
  try {
    const reader = new Reader(bytes, { ...LIMITS, ...limits }, codes, found, fields);
    reader.preamble();
    while (!reader.ended) reader.chunk();
    await reader.totals();
    if (reader.file.left > 0) refuse("trailing-bytes", reader.file.at);
    if (digests !== null) await reader.pool(digests);
    return reader.found;
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw Object.assign(new Refused("x-internal"), { cause: error });
  }
}

class Reader {
  constructor(bytes, limits, codes, found, fields) {
    this.bytes = bytes;
    this.limits = limits;
    this.codes = codes;
    this.fields = fields;
    this.file = new Cursor(bytes, 0, bytes.length, "truncated");
    this.found = Object.assign(found, {
      weightScale: null, names: null, identifiers: null, metadata: null, signature: null,
      positions: new Uint32Array(0), labels: new Uint16Array(0), codes: null, blocks: 0,
      rule: null, margins: null,
    });
    this.label = "preamble"; // of the chunk, for fields
    this.seen = new Set(); // chunk types
    this.rank = 0; // place in ORDER of the last known chunk
    this.previous = null; // type of the chunk before
    this.headCrc = 0;
    this.classText = new Uint8Array(0);
    this.scaleBytes = new Uint8Array(5);
    this.used = 0; // features
    this.largest = 0; // decoded size of a stream
    this.kept = 0; // images so far
    this.next = 0; // end of the range of the block before
    this.ended = false;
  }

  /** Takes a field from a cursor and notes whose bytes they are. */
  field(cursor, name, take, text = String) {
    const offset = cursor.at;
    const value = take(cursor);
    const size = cursor.at - offset;
    this.fields?.push({ chunk: this.label, name, offset, size, text: text(value) });
    return value;
  }

  preamble() {
    const { file, bytes } = this;
    const wrong = MAGIC.findIndex((byte, i) => i < bytes.length && bytes[i] !== byte);
    if (wrong >= 0) refuse("bad-magic", wrong);
    this.field(file, "magic", (c) => c.take(8), () => "");
    const major = this.field(file, "major", (c) => c.u8());
    if (major !== 1) refuse("unknown-version", 8);
  }

  chunk() {
    const { file, bytes, limits } = this;
    const start = file.at;
    const type = file.u8();
    const badBits = (type & 0x20) !== 0 || (type & 0xc0) === 0x40 || (type & 0x1f) === 0;
    if (badBits) refuse("chunk-type", start);
    const length = file.varint();
    this.place(type, start);
    if (file.left < 4 || length > file.left - 4) refuse("truncated", bytes.length);
    if (type === BLOCK && this.found.blocks === limits.blocks) refuse("limit-blocks", start);
    if (type === CLASSES && length > limits.class_map + 1) refuse("limit-class-map", start);
    if (type === META && length > limits.metadata + 1) refuse("limit-metadata", start);
    const bodyAt = file.at;
    file.take(length);
    const crc = crc32(bytes.subarray(start, file.at), type & 0x80 ? 0 : this.headCrc);
    const crcAt = file.at;
    if (file.u32() !== crc) refuse("crc-mismatch", crcAt);

    this.label = this.name(type);
    if (this.fields !== null) {
      const header = new Cursor(bytes, start, bodyAt, "truncated");
      this.field(header, "type", (c) => c.u8(), (value) => `0x${hex([value])}`);
      this.field(header, "length", (c) => c.varint(), (value) => `${value} bytes`);
    }
    const body = new Cursor(bytes, bodyAt, crcAt, "body-short");
    if (type === HEAD) this.headCrc = crc;
    this.contents(type, body);
    if (this.fields !== null) {
      const trailer = new Cursor(bytes, crcAt, file.at, "truncated");
      this.field(trailer, "crc", (c) => c.u32(), (value) => value.toString(16).padStart(8, "0"));
    }
    this.previous = type;
  }

  name(type) {
    if (type === BLOCK) return `BLOCK ${this.found.blocks}`;
    return NAMES[ORDER.indexOf(type)] ?? `unknown 0x${hex([type])}`;
  }

  place(type, start) {
    if (this.previous === null && type !== HEAD) refuse("head-missing", start);
    const rank = type === RULE && !this.has(RULES) ? -1 : ORDER.indexOf(type);
    if (rank < 0 && type < 0x80) refuse("unknown-critical-chunk", start);
    if (type !== BLOCK && this.seen.has(type)) refuse("chunk-duplicate", start);
    if (this.previous === SIGN && type !== END) refuse("signature-place", start);
    if (rank >= 0 && rank < this.rank) refuse("chunk-order", start);
    if (rank >= 0) this.rank = rank;
    this.seen.add(type);
  }

  contents(type, body) {
    if (type === HEAD) this.head(body);
    else if (type === CLASSES) this.classMap(body);
    else if (type === META) this.metadata(body);
    else if (type === RULE) this.rule(body);
    else if (type === BLOCK) this.block(body);
    else if (type === SIGN) this.sign(body);
    else if (type === END) this.end(body);
    else this.field(body, "body", (c) => c.take(c.left), () => "passed over");
  }

  head(body) {
    const { found, limits } = this;
    const at = body.at;
    this.poolId = this.field(body, "pool_id", (c) => c.take(32), hex);
    found.poolSize = this.field(body, "pool_size", (c) => c.varint(), (n) => `${n} images`);
    found.kept = this.field(body, "kept", (c) => c.varint(), (n) => `${n} images`);
    found.classes = this.field(body, "classes", (c) => c.varint());
    const features = this.field(body, "features", (c) => c.varint());
    found.maxStream = this.field(body, "max_stream", (c) => c.varint(), (n) => `${n} bytes`);
    this.check = this.field(body, "check", (c) => c.take(4), hex);
    found.poolId = hex(this.poolId);
    this.features = features;
    const scaleAt = body.at;
    if (this.has(WEIGHTS)) found.weightScale = this.weightScale(body);
    if (body.left > 0) refuse("body-long", body.at);
    if (found.kept > found.poolSize) refuse("kept-over-pool", at);
    if (found.classes < 1 || found.classes > 65536) refuse("class-count", at);
    if (features > 31 || (features & ~KNOWN_FEATURES) !== 0) refuse("unknown-feature", at);
    if (this.has(WEIGHTS) && this.has(RULES)) refuse("feature-conflict", at);
    found.features = Object.keys(FEATURES).filter((name) => this.has(FEATURES[name]));
    if (found.weightScale !== null) this.checkScale(found.weightScale, scaleAt);
    if (found.kept > limits.kept) refuse("limit-kept", at);
    if (found.maxStream > limits.stream) refuse("limit-stream", at);
  }

  /** Whether HEAD requires a feature; the set may have 53 bits. */
  has(feature) {
    return Math.floor(this.features / feature) % 2 === 1;
  }

  weightScale(body) {
    const at = body.at;
    const bits = this.field(body, "weight_scale.bits", (c) => c.u8());
    const low = this.field(body, "weight_scale.low", (c) => c.i16());
    const step = this.field(body, "weight_scale.step", (c) => c.u16());
    this.scaleBytes = this.bytes.subarray(at, body.at);
    return { bits, low, step };
  }

  checkScale({ bits, low, step }, at) {
    const fits = (bits === 4 || bits === 8) && step > 0 && low + (2 ** bits - 1) * step <= 261888;
    if (!fits) refuse("weight-scale", at);
    this.used += WEIGHTS;
  }

  /** The text of CLASSES or META; its form may have the bits of `known`. */
  text(body, known, feature, limit, code) {
    const formAt = body.at;
    const form = this.field(body, "form", (c) => c.u8(), (value) => `0x${hex([value])}`);
    if (form > known) refuse("text-form", formAt);
    const zstd = (form & 1) === 1;
    const at = body.at;
    const stored = this.field(body, "text", (c) => c.take(c.left), () => (zstd ? "Zstd" : "stored"));
    if (!zstd) return { form, at, data: stored };
    if (feature) this.use(ZSTD, at);
    const examined = examine(stored, at);
    if (examined.size === 0) refuse("empty-compressed", at);
    if (examined.size > limit) refuse(code, at);
    return { form, at, data: locate(at, () => decode(stored, examined)) };
  }

  /** Notes that a critical chunk uses a feature. */
  use(feature, at) {
    if (!this.has(feature)) refuse("feature-undeclared", at);
    this.used |= feature;
  }

  classMap(body) {
    const { found, limits } = this;
    const { form, at, data } = this.text(body, 3, true, limits.class_map, "limit-class-map");
    const count = found.classes * (form & 2 ? 2 : 1);
    const parts = [];
    let end = 0;
    while (parts.length < count && end < data.length) {
      const start = end + 1;
      end = start + data[end];
      parts.push(data.subarray(start, end));
    }
    if (parts.length !== count || end !== data.length) refuse("class-map-size", at);
    const texts = parts.map((part) => utf8(part) ?? refuse("name-not-utf8", at));
    const names = texts.slice(0, found.classes);
    const identifiers = texts.slice(found.classes);
    locate(at, () => {
      checkNames(names, false);
      checkNames(identifiers, true);
    });
    found.names = names;
    found.identifiers = form & 2 ? identifiers : null;
    this.classText = data;
  }

  metadata(body) {
    const { at, data } = this.text(body, 1, false, this.limits.metadata, "limit-metadata");
    this.found.metadata = locate(at, () => readMetadata(data));
  }

  rule(body) {
    const { found, limits } = this;
    this.use(RULES, body.at);
    this.ruleAt = body.at;
    const id = this.field(body, "codes_id", (c) => c.take(8), hex);
    const columns = this.field(body, "columns", (c) => c.varint());
    const scaleText = (value) => `weights up to ${value & 15}, shift ${value >> 4}`;
    const scale = this.field(body, "scale", (c) => c.u8(), scaleText);
    const { classes } = found;
    const shape = { classes, columns, top: scale & 15, shift: scale >> 4 };
    const fits = columns >= 1 && columns <= MAX_COLUMNS && shape.top >= 1 && classes >= 2;
    if (!fits) refuse("rule-shape", this.ruleAt);
    const work = (BigInt(found.poolSize) + 2n ** 18n) * BigInt(classes * columns);
    if (work > limits.work) refuse("limit-work", this.ruleAt);
    const at = body.at;
    const text = () => `${classes} x ${columns} weights`;
    const stream = this.field(body, "stream", (c) => c.take(c.left), text);
    found.rule = { codesId: hex(id), ...shape, ...locate(at, () => readRule(stream, shape)) };
  }

  block(body) {
    const { found } = this;
    const start = body.at;
    const first = this.field(body, "first", (c) => c.varint(), (n) => `position ${n}`);
    const span = this.field(body, "span", (c) => c.varint(), (n) => `${n} positions`);
    const count = this.field(body, "count", (c) => c.varint(), (n) => `${n} images`);
    const form = this.field(body, "form", (c) => c.u8(), (value) => ENCODINGS[value & 3]);
    const weights = found.weightScale !== null;
    const positionsSize = this.field(body, "positions_size", (c) => c.varint());
    const labelsSize = weights ? this.field(body, "labels_size", (c) => c.varint()) : 0;
    const encoding = form & 3;
    const shift = form >> 5;
    const bad = (code) => refuse(code, start);
    if (span === 0) bad("block-empty");
    if (span > found.poolSize - first) bad("block-outside-pool");
    if (count === 0) bad("block-empty");
    if (count > span || (count === 1 && span > 1)) bad("block-count");
    if (encoding === streams.DENSE && form & 4) bad("block-form");
    if (shift > 0 && form & 8) bad("block-form");
    if (!weights && form & 16) bad("block-form");
    if (found.classes === 1 && (shift > 0 || form & 8)) bad("block-form");
    if (encoding === streams.BITMAP && span > Math.min(2 ** 28, 4096 * count)) bad("bitmap-span");
    if (positionsSize > body.left) bad("block-streams");
    if (weights && labelsSize > body.left - positionsSize) bad("block-streams");
    if (first < this.next) bad("block-order");
    if (count > found.kept - this.kept) bad("kept-total");
    this.next = first + span;
    this.columns();

    const [least, most] = streams.positionBounds(encoding, span, count);
    const labels = shift > 0 ? [0, Infinity] : [streams.labelSize(found.classes, count)];
    const codes = weights ? [Math.ceil((count * found.weightScale.bits) / 8)] : [0];
    const restOfLabels = weights ? labelsSize : body.left - positionsSize;
    const dense = encoding === streams.DENSE;
    const inFile = [
      this.stream(body, "positions", positionsSize, dense, form & 4, [least, most]),
      this.stream(body, "labels", restOfLabels, shift > 0, form & 8, labels),
    ];
    if (weights) inFile.push(this.stream(body, "weights", body.left, false, form & 16, codes));

    const end = this.kept + count;
    const positionsOut = found.positions.subarray(this.kept, end);
    const labelsOut = found.labels.subarray(this.kept, end);
    inFile[0].decode((data) => this.readPositions(data, encoding, first, span, positionsOut));
    inFile[1].decode((data) => {
      if (shift > 0) this.dense.readLabels(data, positionsOut, shift, labelsOut);
      else streams.readLabels(data, found.classes, labelsOut);
    });
    inFile[2]?.decode((data) =>
      streams.readCodes(data, found.weightScale.bits, found.codes.subarray(this.kept, end)),
    );
    this.kept = end;
    found.blocks += 1;
  }

  /** Columns for all kept images; made for the first block that has passed its checks. */
  columns() {
    const { found } = this;
    if (found.positions.length > 0) return;
    found.positions = new (found.poolSize <= 2 ** 32 ? Uint32Array : Float64Array)(found.kept);
    found.labels = new Uint16Array(found.kept);
    if (found.weightScale !== null) found.codes = new Uint8Array(found.kept);
    this.dense = new Dense(found.classes);
  }

  /** Checks a stream of a block as far as that goes without decoding it. */
  stream(body, name, size, dense, zstd, [least, most = least]) {
    const coding = dense ? "dense" : zstd ? "Zstd" : "stored";
    const at = body.at;
    const stored = this.field(body, name, (c) => c.take(size), () => coding);
    if (dense) this.use(DENSE, at);
    if (zstd) this.use(ZSTD, at);
    const examined = zstd ? examine(stored, at) : null;
    const decoded = examined === null ? size : examined.size;
    if (zstd && decoded === 0) refuse("empty-compressed", at);
    if (decoded > this.found.maxStream) refuse("stream-over-declared", at);
    if (decoded < least || decoded > most) refuse("stream-size", at);
    this.largest = Math.max(this.largest, decoded);
    return {
      decode: (use) => locate(at, () => use(zstd ? decode(stored, examined) : stored)),
    };
  }

  readPositions(data, encoding, first, span, out) {
    if (encoding === streams.BITMAP) streams.readBitmap(data, first, span, out);
    else if (encoding === streams.DELTA) streams.readDelta(data, first, span, out);
    else if (encoding === streams.RLE) streams.readRle(data, first, span, out);
    else this.dense.readPositions(data, first, span, out);
  }

  sign(body) {
    const keyId = this.field(body, "key_id", (c) => c.take(8), hex);
    this.field(body, "signature", (c) => c.take(64), () => "not verified here");
    if (body.left > 0) refuse("body-long", body.at);
    this.found.signature = { keyId: hex(keyId) };
  }

  end(body) {
    if (body.left > 0) refuse("body-long", body.at);
    this.ended = true;
  }

  async totals() {
    const { found } = this;
    const at = this.bytes.length;
    if (found.rule === null && this.kept !== found.kept) refuse("kept-total", at);
    if (this.used !== this.features) refuse("feature-unused", at);
    if (this.largest !== found.maxStream) refuse("max-stream", at);
    if (found.rule !== null) await this.applyRule();
    found.contentId = hex(await this.contentId());
    if (!found.contentId.startsWith(hex(this.check))) refuse("content-check", at);
  }

  /** Adds what the rule keeps to what the blocks keep: section 17.3. */
  async applyRule() {
    const { found, codes } = this;
    await this.checkCodes();
    this.columns();
    const named = found.positions.subarray(0, this.kept);
    const labels = found.labels.subarray(0, this.kept);
    Object.assign(
      found,
      await applyRule(found.rule, codes, found.poolSize, found.kept, named, labels),
    );
  }

  async checkCodes() {
    const { codes } = this;
    const { poolSize, rule } = this.found;
    const count = (n) => n.toLocaleString("en");
    const asked = `codes ${rule.codesId}... of ${count(poolSize)} images`;
    const bad = (why) => {
      const todo = "Get the code table that the pool's publisher ships.";
      refuse("codes-mismatch", this.ruleAt, `${why} ${todo}`);
    };
    if (codes === null) bad(`The file keeps images by a rule over the ${asked}; none are at hand.`);
    const rows = codes.data.length / codes.columns;
    const enough = codes.columns >= rule.columns && rows >= poolSize;
    if (enough && hex(await codesId(codes, poolSize)).startsWith(rule.codesId)) return;
    bad(
      `The rule is for the ${asked}, and uses ${rule.columns} of their columns; the codes at ` +
        `hand are others, ${codes.columns} columns of ${count(rows)} images.`,
    );
  }

  /** Section 11. */
  async contentId() {
    const { found } = this;
    const wide = found.positions instanceof Float64Array;
    return sha256(
      concat(
        ascii("plada-1-content\0"),
        this.poolId,
        u64([found.poolSize, found.kept]),
        Uint32Array.of(found.classes),
        found.names === null ? 0 : 1,
        found.identifiers === null ? 0 : 1,
        this.classText,
        this.scaleBytes,
        await sha256(wide ? u64(found.positions) : found.positions),
        await sha256(found.labels),
        await sha256(found.codes ?? new Uint8Array(0)),
      ),
    );
  }

  /** Section 12.2. */
  async pool(digests) {
    const { poolSize, poolId: stated } = this.found;
    if (digests.length < poolSize) refuse("pool-mismatch");
    if (hex(await poolId(digests, poolSize)) !== stated) refuse("pool-mismatch");
  }
}

/** Checks names, or identifiers, which may be empty, one by one. */
function checkNames(texts, mayBeEmpty) {
  const seen = new Set();
  for (const text of texts) {
    if (text === "") {
      if (!mayBeEmpty) refuse("name-empty");
      continue;
    }
    if (FORBIDDEN.test(text)) refuse("name-forbidden-character");
    if (seen.has(text)) refuse("name-duplicate");
    seen.add(text);
  }
}
