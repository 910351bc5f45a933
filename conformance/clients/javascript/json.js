// Metadata: a JSON text under the rules of PLADA-TXT-008. JSON.parse cannot tell equal keys, large
// integers or lone surrogates, so the text is parsed here.

import { MAX_INTEGER, utf8 } from "./bytes.js";
import { refuse } from "./errors.js";

const MAX_DEPTH = 16;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Parser {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  bad() {
    refuse("metadata-json");
  }

  /** @param {RegExp} pattern a sticky one */
  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? this.bad();
    this.at = pattern.lastIndex;
    return found;
  }

  /** Passes over `word` if it comes next. @param {string} word */
  skip(word) {
    const found = this.text.startsWith(word, this.at);
    if (found) this.at += word.length;
    return found;
  }

  /** @param {string} word */
  expect(word) {
    if (!this.skip(word)) this.bad();
  }

  space() {
    this.match(SPACE);
  }

  /** @param {number} depth objects and arrays around the value */
  value(depth) {
    this.space();
    const next = this.text[this.at];
    let value;
    if (next === "{") value = this.object(depth + 1);
    else if (next === "[") value = this.array(depth + 1);
    else if (next === '"') value = this.string();
    else if (this.skip("true")) value = true;
    else if (this.skip("false")) value = false;
    else if (this.skip("null")) value = null;
    else value = this.number();
    this.space();
    return value;
  }

  number() {
    const [text, fraction, exponent] = this.match(NUMBER);
    const value = Number(text);
    const integer = fraction === undefined && exponent === undefined;
    if (integer ? Math.abs(value) > MAX_INTEGER : !Number.isFinite(value)) this.bad();
    return value;
  }

  string() {
    this.expect('"');
    const parts = [];
    for (;;) {
      parts.push(this.match(PLAIN)[0]);
      if (this.skip('"')) break;
      this.expect("\\");
      parts.push(this.escape());
    }
    const text = parts.join("");
    if (/\p{Surrogate}/u.test(text)) this.bad();
    return text;
  }

  escape() {
    if (this.skip("u")) {
      return String.fromCharCode(parseInt(this.match(/[0-9a-fA-F]{4}/y)[0], 16));
    }
    const letter = this.match(/["\\/bfnrt]/y)[0];
    return ESCAPES[letter];
  }

  /** @param {number} depth */
  array(depth) {
    if (depth > MAX_DEPTH) this.bad();
    const out = [];
    this.expect("[");
    this.space();
    if (this.skip("]")) return out;
    do out.push(this.value(depth));
    while (this.skip(","));
    this.expect("]");
    return out;
  }

  /** @param {number} depth */
  object(depth) {
    if (depth > MAX_DEPTH) this.bad();
    const out = Object.create(null); // so that a key such as __proto__ is one like any other
    this.expect("{");
    this.space();
    if (this.skip("}")) return out;
    do {
      this.space();
      const key = this.string();
      if (key in out) this.bad();
      this.space();
      this.expect(":");
      out[key] = this.value(depth);
    } while (this.skip(","));
    this.expect("}");
    return out;
  }
}

/**
 * The object that metadata holds; refuses with `metadata-json`.
 * @param {Uint8Array} bytes
 * @returns {Record<string, unknown>} an object without prototype
 */
export function readMetadata(bytes) {
  const parser = new Parser(utf8(bytes) ?? refuse("metadata-json"));
  parser.space();
  if (parser.text[parser.at] !== "{") parser.bad();
  const value = parser.value(0);
  if (parser.at !== parser.text.length) parser.bad();
  return value;
}
