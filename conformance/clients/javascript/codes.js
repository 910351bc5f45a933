// Code tables: section 17.1.

import { treeHash } from "./tree.js";

export const MAX_COLUMNS = 1024;

/**
 * The codes of a pool's images.
 * @typedef {object} Codes
 * @property {number} columns D, codes of each image
 * @property {Int8Array} data the rows, in pool order, end to end
 */

/**
 * Checks what a caller gives as codes.
 * @param {Codes} codes
 * @throws {TypeError}
 */
export function checkCodeTable({ columns, data }) {
  const fits = columns >= 1 && columns <= MAX_COLUMNS && data.length % columns === 0;
  if (fits && data instanceof Int8Array) return;
  throw new TypeError("codes are {columns, data}: 1 to 1,024, and an Int8Array of whole rows");
}

/**
 * The table in a file of NumPy's layout; it shares the file's memory.
 * @param {Uint8Array} file
 * @returns {Codes}
 * @throws {RangeError} with a sentence, if it is another file or is cut short
 */
export function readCodeTable(file) {
  const [magic, header, start] = numpyHeader(file);
  if (magic !== "\x93NUMPY\x01\x00") wrong("it is not a NumPy file of version 1.0");
  const shape = /^\{'descr': '\|i1', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$/;
  const [, rows, columns] = (header.match(shape) ?? wrong(`its header is ${header}`)).map(Number);
  if (columns < 1 || columns > MAX_COLUMNS) wrong(`it has ${columns} columns, not 1 to 1,024`);
  const size = file.length - start;
  if (size !== rows * columns) wrong(`it has ${size} bytes for ${rows} rows of ${columns} codes`);
  return { columns, data: new Int8Array(file.buffer, file.byteOffset + start, size) };
}

function numpyHeader(file) {
  const latin = (bytes) => String.fromCharCode(...bytes);
  const start = 10 + file[8] + 256 * file[9];
  return [latin(file.subarray(0, 8)), latin(file.subarray(10, start)), start];
}

function wrong(why) {
  throw new RangeError(
    `This is no code table: ${why}. A NumPy file of int8 with a row for each image is needed.`,
  );
}

/**
 * The codes id of the first `size` images.
 * @param {Codes} codes
 * @param {number} size
 * @returns {Promise<Uint8Array>}
 */
export function codesId({ columns, data }, size) {
  return treeHash("plada-codes-1\0", size, (i) => data.subarray(i * columns, (i + 1) * columns));
}
