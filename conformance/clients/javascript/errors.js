// Error codes and classes: section 14.

const CLASSES = {
  noncanonical: [
    "varint-overlong", "chunk-order", "empty-compressed", "dense-tail", "block-not-tight",
    "feature-unused", "max-stream", "padding-bits",
  ],
  unsupported: ["unknown-version", "unknown-critical-chunk", "unknown-feature"],
  limit: [
    "limit-kept", "limit-stream", "limit-blocks", "limit-class-map", "limit-metadata", "limit-work",
  ],
  mismatch: ["pool-mismatch", "codes-mismatch"],
  corrupt: ["crc-mismatch", "content-check"],
  // What section 14 does not know: an error of this program or of its surroundings, such as
  // memory that ran out. Codes that start with x- are for private use.
  internal: ["x-internal"],
};

const CLASS_OF = new Map(
  Object.entries(CLASSES).flatMap(([name, codes]) => codes.map((code) => [code, name])),
);

/** The only error that reading a file ends with. */
export class Refused extends Error {
  /**
   * @param {string} code error code of section 14
   * @param {number | null} offset where in the file, if that is known
   * @param {string} [message] what is wrong and what to do, where the code does not say it
   */
  constructor(code, offset = null, message = code) {
    super(message);
    this.name = "Refused";
    this.code = code;
    this.offset = offset;
  }

  /** Error class of Appendix G. */
  get errorClass() {
    return CLASS_OF.get(this.code) ?? "malformed";
  }
}

/**
 * Ends reading with an error.
 * @param {string} code
 * @param {number | null} [offset]
 * @param {string} [message]
 * @returns {never}
 */
export function refuse(code, offset = null, message = code) {
  throw new Refused(code, offset, message);
}

/**
 * Does `work`; if it refuses without an offset, the offset is `offset`.
 * @template T
 * @param {number} offset
 * @param {() => T} work
 * @returns {T}
 */
export function locate(offset, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refused && error.offset === null) error.offset = offset;
    throw error;
  }
}
