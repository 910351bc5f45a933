// Bytes, integers, checksums and text: sections 2, 4.2 and 6.1.

import { refuse } from "./errors.js";

/** The largest integer of the format, 2^53 - 1: every integer is an exact JavaScript number. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) {
  throw new Error("typed arrays are expected to be little-endian here");
}

/** Reads fields from `bytes` between `at` and `end`; beyond that it refuses with `short`. */
export class Cursor {
  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   * @param {number} end
   * @param {string} short error code where a field reaches beyond the end
   */
  constructor(bytes, at, end, short) {
    Object.assign(this, { bytes, at, end, short });
  }

  get left() {
    return this.end - this.at;
  }

  /** @param {number} size */
  take(size) {
    if (size > this.left) refuse(this.short, this.at);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  u8() {
    return this.take(1)[0];
  }

  u16() {
    const [low, high] = this.take(2);
    return low + 256 * high;
  }

  i16() {
    const value = this.u16();
    return value < 32768 ? value : value - 65536;
  }

  u32() {
    const four = this.take(4);
    return (four[0] | (four[1] << 8) | (four[2] << 16) | (four[3] << 24)) >>> 0;
  }

  /** A varint, section 2. Sums stay exact up to 2^53, and what lies above is refused. */
  varint() {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index += 1, scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && index > 0) refuse("varint-overlong", start);
        if (value > MAX_INTEGER) refuse("varint-overflow", start);
        return value;
      }
    }
    return refuse("varint-overflow", start);
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * CRC-32 as zlib has it: `seed` is the CRC of the bytes before.
 * @param {Uint8Array} bytes
 * @param {number} [seed]
 */
export function crc32(bytes, seed = 0) {
  let crc = ~seed;
  for (let i = 0; i < bytes.length; i += 1) {
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]) & 255];
  }
  return ~crc >>> 0;
}

/**
 * SHA-256, by WebCrypto.
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>}
 */
export async function sha256(bytes) {
  return new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes));
}

/**
 * The text of UTF-8 as RFC 3629 has it, or null. A byte order mark is kept as U+FEFF.
 * @param {Uint8Array} bytes
 */
export function utf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Lays typed arrays and numbers below 256 end to end.
 * @param {...(ArrayBufferView | number)} parts
 */
export function concat(...parts) {
  const views = parts.map((part) =>
    typeof part === "number"
      ? Uint8Array.of(part)
      : new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
  );
  const out = new Uint8Array(views.reduce((sum, view) => sum + view.length, 0));
  let at = 0;
  for (const view of views) {
    out.set(view, at);
    at += view.length;
  }
  return out;
}

/** @param {string} text ASCII */
export function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * Integers below 2^53 as u64.
 * @param {ArrayLike<number>} values
 */
export function u64(values) {
  const words = new Uint32Array(2 * values.length);
  for (let i = 0; i < values.length; i += 1) {
    words[2 * i] = values[i] % 2 ** 32;
    words[2 * i + 1] = Math.floor(values[i] / 2 ** 32);
  }
  return words;
}

/**
 * floor(log2 value) for 1 to 2^53 - 1.
 * @param {number} value
 */
export function width(value) {
  return value < 2 ** 32
    ? 31 - Math.clz32(value)
    : 63 - Math.clz32(Math.floor(value / 2 ** 32));
}
