/** What files may cost: section 15 of the specification. */
export interface Limits {
  /** images */
  kept: number;
  /** bytes of a decoded stream */
  stream: number;
  blocks: number;
  /** bytes of the decoded class map */
  class_map: number;
  /** bytes of the decoded metadata */
  metadata: number;
  /** multiplications that a rule takes */
  work: number;
}

/** The default limits. */
export const LIMITS: Readonly<Limits>;

/** The codes of a pool's images, for files with a rule. */
export interface Codes {
  /** codes of each image, 1 to 1,024 */
  columns: number;
  /** the rows, in pool order, end to end */
  data: Int8Array;
}

/** A linear classifier over codes: section 17. */
export interface Rule {
  /** the first 8 bytes, 16 hexadecimal digits */
  codesId: string;
  classes: number;
  /** codes of each image that it uses */
  columns: number;
  /** the largest weight */
  top: number;
  shift: number;
  /** column by column, one for each class */
  weights: Int8Array;
  biases: Int32Array;
  thresholds: Int32Array;
}

/** The weight of code c is 2 ** ((low + c * step) / 256). */
export interface WeightScale {
  bits: number;
  low: number;
  step: number;
}

/** What a file means: section 3. What it does not have is null. */
export interface Payload {
  /** 64 hexadecimal digits */
  poolId: string;
  /** images in the pool */
  poolSize: number;
  /** images that the file names */
  kept: number;
  classes: number;
  /** required features, of "zstd", "weights", "dense" and "rule" */
  features: string[];
  maxStream: number;
  weightScale: WeightScale | null;
  /** one for each class */
  names: string[] | null;
  identifiers: string[] | null;
  /** an object without prototype */
  metadata: Record<string, unknown> | null;
  /** places in the pool, ascending, from 0; floats for a pool of more than 2 ** 32 images */
  positions: Uint32Array | Float64Array;
  /** a class number for each position */
  labels: Uint16Array;
  /** weight codes */
  codes: Uint8Array | null;
  rule: Rule | null;
  /** of the images that a rule keeps; -1 for those that blocks name */
  margins: Int32Array | null;
  /** whose signature the file claims to bear; it is not verified */
  signature: { keyId: string } | null;
  blocks: number;
  /** 64 hexadecimal digits */
  contentId: string;
}

/** A run of bytes of a file, and what it is. */
export interface Field {
  /** such as "HEAD" or "BLOCK 0" */
  chunk: string;
  name: string;
  offset: number;
  size: number;
  /** what the bytes say, for people */
  text: string;
}

export interface ReadOptions {
  /** in place of the default ones */
  limits?: Partial<Limits>;
  /** SHA-256 of the pool's images, in pool order: a file for another pool is refused */
  digests?: Uint8Array[] | null;
  /** of the pool's images, for a file with a rule; without them it is refused */
  codes?: Codes | null;
  /** filled while the file is read, also if it is refused in the end */
  found?: Partial<Payload>;
  /** likewise, in the order of the file */
  fields?: Field[] | null;
}

export type ErrorClass =
  | "malformed"
  | "noncanonical"
  | "unsupported"
  | "limit"
  | "corrupt"
  | "mismatch"
  | "internal";

/** Why a file is refused. */
export class Refused extends Error {
  constructor(code: string, offset?: number | null, message?: string);
  /** error code of section 14 */
  code: string;
  /** where in the file, if that is known */
  offset: number | null;
  /** error class of Appendix G */
  get errorClass(): ErrorClass;
}

/**
 * Reads the bytes of a file.
 * @throws {Refused} whatever is wrong with the file
 * @throws {TypeError} if `codes` is no table of codes
 */
export function read(bytes: Uint8Array, options?: ReadOptions): Promise<Payload>;

/**
 * The table in a NumPy file of int8, a row for each image; it shares the file's memory.
 * @throws {RangeError} if it is another file, or is cut short
 */
export function readCodeTable(file: Uint8Array): Codes;

/** The pool id of images with these digests, or of the first `size` of them: section 12.1. */
export function poolId(digests: Uint8Array[], size?: number): Promise<Uint8Array>;

/** The codes id of the first `size` images: section 17.1. */
export function codesId(codes: Codes, size: number): Promise<Uint8Array>;
