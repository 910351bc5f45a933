// A client of the conformance suite (../../PROTOCOL.md), and a reader for the command line:
//   node client.js [--pool DIGESTS] FILE

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Refused, read } from "./plada.js";

const HELLO = {
  protocol: 1,
  name: "plada-javascript",
  version: "1.0.0",
  roles: ["reader", "client"],
  features: ["zstd", "weights", "dense"],
  limits: {},
};

/**
 * Reads a file and says what came of it.
 * @param {string} file a path
 * @param {object} limits as in section 15
 * @param {string[] | null} pool digests in hexadecimal
 */
async function reading(file, limits, pool) {
  const digests = pool && pool.map((digest) => Uint8Array.from(Buffer.from(digest, "hex")));
  try {
    const payload = await read(readFileSync(file), { limits, digests });
    return { verdict: "valid", content_id: payload.contentId };
  } catch (error) {
    const refused = error instanceof Refused ? error : new Refused("x-internal");
    if (refused.errorClass === "internal") console.error(error);
    return { verdict: refused.errorClass, code: refused.code };
  }
}

async function serve() {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    const { do: wanted, id, file, limits, pool } = JSON.parse(line);
    if (wanted === "bye") return;
    let answer = { id, verdict: "refused" }; // of roles that this client does not have
    if (wanted === "hello") answer = HELLO;
    if (wanted === "read") answer = { id, ...(await reading(file, limits, pool)) };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

async function main(args) {
  if (args.length === 0) return serve();
  let pool = null;
  if (args[0] === "--pool") {
    pool = readFileSync(args[1], "utf8").split("\n").filter((line) => line !== "");
    args = args.slice(2);
  }
  const answer = await reading(args[0], {}, pool);
  console.log(JSON.stringify(answer));
  process.exitCode = { valid: 0, internal: 2 }[answer.verdict] ?? 1;
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 2;
});
