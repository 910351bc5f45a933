// Rules: section 17 and Appendix B.8.

import { Coder, Distances, Models } from "./dense.js";
import { refuse } from "./errors.js";
import { turn } from "./slices.js";

const MAX_SCORE = 2 ** 24 - 1;
const MAX_THRESHOLD = 2 ** 25;
const SLICE = 2 ** 24; // multiplications

/**
 * A linear classifier over codes. Every score, and every partial sum of one, is below 2^24.
 * @typedef {object} Rule
 * @property {string} codesId the first 8 bytes, 16 hexadecimal digits
 * @property {number} classes C
 * @property {number} columns d
 * @property {number} top
 * @property {number} shift
 * @property {Int8Array} weights column by column, C each
 * @property {Int32Array} biases of each class
 * @property {Int32Array} thresholds of each class
 */

/**
 * Decodes the stream of a RULE. The shape has been checked, and the work against its limit.
 * @param {Uint8Array} data
 * @param {Pick<Rule, "classes" | "columns" | "top" | "shift">} shape
 * @returns {Pick<Rule, "weights" | "biases" | "thresholds">}
 */
export function readRule(data, { classes, columns, top, shift }) {
  const coder = new Coder(data);
  const weights = readWeights(coder, classes, columns, top);
  // Up to 2^52 here. What is too large after the shift is refused below; as a power of two, the
  // unit does not round it.
  const unit = 2 ** shift;
  const biases = readNumbers(coder, classes, (n) => (n % 2 === 0 ? -n / 2 : (n - 1) / 2) * unit);
  const thresholds = readNumbers(coder, classes, (n) => (n - 1) * unit);
  coder.finish();
  for (let c = 0; c < classes; c += 1) {
    let sum = 0;
    for (let at = c; at < weights.length; at += classes) sum += Math.abs(weights[at]);
    if (Math.abs(biases[c]) > MAX_SCORE - 128 * sum) refuse("rule-range");
    if (thresholds[c] > MAX_THRESHOLD) refuse("rule-range");
  }
  return { weights, biases: Int32Array.from(biases), thresholds: Int32Array.from(thresholds) };
}

function readWeights(coder, classes, columns, top) {
  const sizes = new Models(15);
  const signs = new Models(3);
  const weights = new Int8Array(classes * columns);
  let total = 0; // of a column so far
  for (let at = 0; at < weights.length; at += 1) {
    if (at % classes === 0) total = 0;
    let weight = 0;
    while (weight < top && coder.bit(sizes, weight) === 1) weight += 1;
    const model = total === 0 ? 0 : total > 0 ? 1 : 2;
    if (weight > 0 && coder.bit(signs, model) === 1) weight = -weight;
    weights[at] = weight;
    total += weight;
  }
  return weights;
}

function readNumbers(coder, count, meaning) {
  const numbers = new Distances();
  return Float64Array.from({ length: count }, () => meaning(numbers.read(coder)));
}

/**
 * What a rule and the blocks beside it keep, section 17.3; refuses with `kept-total` if that is not
 * `kept` images.
 * @param {Rule} rule
 * @param {import("./codes.js").Codes} codes those that the rule is for
 * @param {number} size N
 * @param {number} kept K
 * @param {Uint32Array | Float64Array} named positions of the blocks
 * @param {Uint16Array} namedLabels
 * @returns {Promise<{positions: Uint32Array | Float64Array, labels: Uint16Array,
 *   margins: Int32Array}>} the margin of an image that a block names is -1
 */
export async function applyRule(rule, codes, size, kept, named, namedLabels) {
  const positions = new named.constructor(kept);
  const labels = new Uint16Array(kept);
  const margins = new Int32Array(kept);
  const slice = Math.ceil(SLICE / rule.weights.length);
  const scores = new Int32Array(rule.classes);
  const found = { label: 0, margin: 0 };
  let count = 0;
  let next = 0; // of the images that blocks name
  for (let position = 0; position < size; position += 1) {
    if (position % slice === slice - 1) await turn();
    if (named[next] === position) {
      found.label = namedLabels[next];
      found.margin = -1;
      next += 1;
    } else {
      score(rule, codes.data, position * codes.columns, scores);
      classify(scores, found);
      if (found.margin < rule.thresholds[found.label]) continue;
    }
    if (count === kept) refuse("kept-total");
    positions[count] = position;
    labels[count] = found.label;
    margins[count] = found.margin;
    count += 1;
  }
  if (count !== kept) refuse("kept-total");
  return { positions, labels, margins };
}

/** Scores the image whose codes start at `row`. */
function score({ weights, biases, classes, columns }, data, row, scores) {
  for (let c = 0; c < classes; c += 1) scores[c] = biases[c];
  for (let j = 0, at = 0; j < columns; j += 1) {
    const code = data[row + j];
    for (let c = 0; c < classes; c += 1, at += 1) scores[c] += Math.imul(weights[at], code);
  }
}

/** The first class of the largest score, and its margin over the second. */
function classify(scores, found) {
  let label = 0;
  let best = scores[0];
  let second = -(2 ** 30);
  for (let c = 1; c < scores.length; c += 1) {
    if (scores[c] > best) {
      second = best;
      best = scores[c];
      label = c;
    } else if (scores[c] > second) second = scores[c];
  }
  found.label = label;
  found.margin = best - second;
}
