// A client of the conformance suite (../../PROTOCOL.md), and a reader for the command line:
//   node client.js [--pool DIGESTS] [--codes CODES] FILE
// DIGESTS has a line in hexadecimal for each image; so has CODES, or it is a NumPy file.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Refused, read, readCodeTable } from "./plada.js";

const NUMPY = 0x93; // the first byte of NumPy's files; in hexadecimal there is none
const HELLO = {
  protocol: 1,
  name: "plada-javascript",
  version: "1.1.0",
  roles: ["reader", "client"],
  features: ["zstd", "weights", "dense", "rule"],
  limits: {},
};

/**
 * Reads a file and says what came of it.
 * @param {string} file a path
 * @param {object} limits as in section 15
 * @param {string[] | null} pool digests in hexadecimal
 * @param {import("./codes.js").Codes | null} codes
 * @param {(sentence: string) => void} [tell] gets what the code of a refusal does not say
 */
async function reading(file, limits, pool, codes, tell = () => {}) {
  const digests = pool && pool.map((digest) => Uint8Array.from(Buffer.from(digest, "hex")));
  try {
    const payload = await read(readFileSync(file), { limits, digests, codes });
    return { verdict: "valid", content_id: payload.contentId };
  } catch (error) {
    const refused = error instanceof Refused ? error : new Refused("x-internal");
    if (refused.errorClass === "internal") console.error(error);
    else if (refused.message !== refused.code) tell(refused.message);
    return { verdict: refused.errorClass, code: refused.code };
  }
}

/**
 * The code table of rows in hexadecimal. One without rows has as many columns as anybody asks for.
 * @param {string[]} rows
 */
function codeTable(rows) {
  const columns = rows.length === 0 ? 1024 : rows[0].length / 2;
  const fits = (row) => row.length === 2 * columns && /^([0-9a-f]{2})+$/i.test(row);
  const wrong = rows.findIndex((row) => !fits(row));
  if (wrong >= 0) throw new RangeError(`Row ${wrong} is not ${columns} codes in hexadecimal.`);
  return { columns, data: new Int8Array(Buffer.from(rows.join(""), "hex")) };
}

/** The lines of a file that are not empty. @param {Buffer} file */
function lines(file) {
  return file.toString("latin1").split(/[\r\n]+/).filter((line) => line !== "");
}

async function serve() {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    const { do: wanted, id, file, limits, pool, codes = null } = JSON.parse(line);
    if (wanted === "bye") return;
    let answer = { id, verdict: "refused" }; // of roles that this client does not have
    if (wanted === "hello") answer = HELLO;
    if (wanted === "read") {
      answer = { id, ...(await reading(file, limits, pool, codes && codeTable(codes))) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

/** The codes in a file: NumPy's, or a line of hexadecimal for each image. */
function codesOf(path) {
  const file = readFileSync(path);
  return file[0] === NUMPY ? readCodeTable(file) : codeTable(lines(file));
}

async function main(args) {
  if (args.length === 0) return serve();
  const options = { pool: { type: "string" }, codes: { type: "string" } };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (positionals.length !== 1) throw new RangeError("Name one FILE.");
  const pool = values.pool === undefined ? null : lines(readFileSync(values.pool));
  const codes = values.codes === undefined ? null : codesOf(values.codes);
  const answer = await reading(positionals[0], {}, pool, codes, console.error);
  console.log(JSON.stringify(answer));
  process.exitCode = { valid: 0, internal: 2 }[answer.verdict] ?? 1;
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 2;
});
