// Shows what is in a .plada file. Whatever comes from a file gets into the page as text nodes only.

import { Refused, read, readCodeTable } from "./plada.js";

const MAX_FILE = 2 ** 29;
const MAX_ROWS = 400;
const NUMPY = 0x93; // the first byte of NumPy's files
// Control, format and unassigned characters, and others that nobody sees.
const INVISIBLE =
  /([\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}])/u;

const result = document.getElementById("result");
const count = (n) => n.toLocaleString("en");
const percent = (part, whole) => `${((100 * part) / Math.max(whole, 1)).toPrecision(3)} %`;

/**
 * An element. Strings among the children become text.
 * @param {string} tag
 * @param {string} className
 * @param {...(Node | string)} children
 */
function el(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/**
 * Text of a stranger: what cannot be seen is spelled out, and its direction ends with it.
 * @param {string} text
 */
function foreign(text) {
  const out = el("bdi", "");
  text.split(INVISIBLE).forEach((part, i) => {
    if (i % 2 === 0) out.append(part);
    else out.append(el("span", "escaped", codePoint(part)));
  });
  return out;
}

function codePoint(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function section(title, note, ...children) {
  const heading = el("h2", "", title, " ", el("small", "", note));
  return el("section", "", heading, ...children);
}

/**
 * @param {[string, string][]} heads title and class of each column
 * @param {(Node | string)[][]} rows
 */
function table(heads, rows) {
  const head = el("tr", "", ...heads.map(([title, className]) => el("th", className, title)));
  const body = rows.map((row) => el("tr", "", ...row.map((cell, i) => el("td", heads[i][1], cell))));
  return el("div", "scroll", el("table", "", el("thead", "", head), el("tbody", "", ...body)));
}

function verdictSection(name, size, error) {
  const out = el("section", "wide");
  out.id = "verdict";
  const what = el("div", "", el("span", "name", foreign(name)), ` ${count(size)} bytes`);
  if (error === null) {
    out.append(el("span", "word", "valid"), what);
    return out;
  }
  out.classList.add("refused");
  const where = error.offset === null ? "" : `, at byte ${count(error.offset)}`;
  const why = el("div", "", el("code", "", error.code), where);
  if (error.message !== error.code) why.append(el("div", "", error.message));
  if (error.code === "codes-mismatch") {
    const todo = "Open it here as well: drop it, or choose it above. The file is not bad.";
    why.append(el("div", "", todo));
  }
  if (error.code !== "x-internal") {
    why.append(el("span", "soft", " The reader stops here; what is shown below came before."));
  }
  what.append(why);
  out.append(el("span", "word", error.errorClass), what);
  return out;
}

function headSection(found) {
  const { weightScale: scale, signature } = found;
  const rows = [
    ["pool id", el("span", "mono", found.poolId)],
    ["pool size", `${count(found.poolSize)} images`],
    ["kept", `${count(found.kept)} images, ${percent(found.kept, found.poolSize)} of the pool`],
    ["classes", count(found.classes)],
    ["features", found.features?.join(", ") || "none"],
    ["largest stream", `${count(found.maxStream)} bytes`],
    ["weights", scale === null ? "none" : scaleText(scale)],
    ["signature", signature === null ? "none" : `by key ${signature.keyId}, not verified`],
  ];
  if (found.rule !== null) rows.push(["rule", ruleText(found.rule)]);
  if (found.contentId) rows.push(["content id", el("span", "mono", found.contentId)]);
  const list = el("dl", "", ...rows.flatMap(([k, v]) => [el("dt", "", k), el("dd", "", v)]));
  return section("Header", "", list);
}

function ruleText({ codesId, columns, top }) {
  const id = el("span", "mono", codesId);
  const text = `over ${count(columns)} columns of the codes `;
  return el("span", "", text, id, `, weights up to ${top}`);
}

function scaleText({ bits, low, step }) {
  const weight = (code) => (2 ** ((low + code * step) / 256)).toPrecision(3);
  return `${bits} bits, from ${weight(0)} to ${weight(2 ** bits - 1)}`;
}

function classSection(found, complete) {
  const counts = new Array(found.classes).fill(0);
  if (complete) for (const label of found.labels) counts[label] += 1;
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  let order = counts.map((_, label) => label);
  let note = found.names === null ? "without names" : "";
  if (order.length > MAX_ROWS) {
    order = order.sort((a, b) => counts[b] - counts[a] || a - b).slice(0, MAX_ROWS);
    note += ` the ${MAX_ROWS} with most images of ${count(counts.length)}`;
  }
  const heads = [["no.", "number"], ["class", ""]];
  if (complete) heads.push(["images", "number"], ["", "chart"]);
  const rows = order.map((label) => {
    const name = el("span", "", found.names === null ? "" : foreign(found.names[label]));
    if (found.identifiers !== null) {
      name.append(" ", el("span", "mono soft", foreign(found.identifiers[label])));
    }
    const row = [String(label), name];
    if (complete) row.push(count(counts[label]), bar(counts[label] / most));
    return row;
  });
  return section("Classes", note, table(heads, rows));
}

function keptSection({ positions, labels, margins, names }) {
  const heads = [["position", "number"], ["class", ""]];
  if (margins !== null) heads.push(["margin", "number"]);
  const rows = Array.from(positions.subarray(0, MAX_ROWS), (position, i) => {
    const name = names === null ? String(labels[i]) : foreign(names[labels[i]]);
    const row = [count(position), name];
    if (margins !== null) row.push(margins[i] < 0 ? "named" : count(margins[i]));
    return row;
  });
  const cut = positions.length > MAX_ROWS;
  const note = cut ? `the first ${MAX_ROWS} of ${count(positions.length)}` : "";
  const out = section("Kept images", note, table(heads, rows));
  out.id = "kept";
  return out;
}

function bar(part) {
  const out = el("i", "");
  out.style.width = `${100 * part}%`;
  out.hidden = part === 0;
  return out;
}

function metadataSection(metadata) {
  const pre = el("pre", "");
  for (const line of jsonLines(metadata, "")) pre.append(foreign(line), "\n");
  const out = section("Metadata", "as the producer states it", el("div", "scroll", pre));
  out.id = "metadata";
  return out;
}

/** JSON as lines, with lists of numbers and texts on one. */
function jsonLines(value, indent) {
  const flat = JSON.stringify(value);
  const leaves = typeof value !== "object" || value === null || Object.keys(value).length === 0;
  const list = Array.isArray(value);
  if (leaves || (list && value.every((item) => typeof item !== "object"))) {
    return [list ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]` : flat];
  }
  const lines = [list ? "[" : "{"];
  const members = Object.entries(value);
  members.forEach(([key, member], i) => {
    const inner = `${indent}  `;
    const [first, ...rest] = jsonLines(member, inner);
    lines.push(`${inner}${list ? "" : `${JSON.stringify(key)}: `}${first}`, ...rest);
    if (i < members.length - 1) lines[lines.length - 1] += ",";
  });
  return [...lines, `${indent}${list ? "]" : "}"}`];
}

/** Which colour a field has. */
function groupOf({ chunk, name }) {
  if (["positions", "labels", "weights"].includes(name)) return name;
  if (chunk === "CLASSES" && name === "text") return "names";
  if (chunk === "META" && name === "text") return "metadata";
  if (chunk === "RULE" && name === "stream") return "rule";
  return chunk === "SIGN" ? "signature" : "frame";
}

function byteSection(fields, size) {
  const owned = fields.map((field) => ({ ...field, group: groupOf(field) }));
  const last = fields.at(-1);
  const end = last ? last.offset + last.size : 0;
  if (end < size) {
    const rest = { chunk: "", name: "not read", offset: end, size: size - end, text: "" };
    owned.push({ ...rest, group: "unread" });
  }
  const totals = new Map();
  const strip = el("div", "bytes");
  let run = null; // neighbours of a group share a piece of the strip
  for (const { group, size: bytes } of owned) {
    totals.set(group, (totals.get(group) ?? 0) + bytes);
    if (run?.group !== group) {
      if (strip.childElementCount >= 2000) continue;
      run = { group, bytes: 0, piece: el("i", group) };
      strip.append(run.piece);
    }
    run.bytes += bytes;
    run.piece.style.flexGrow = run.bytes;
    run.piece.title = `${group}, ${count(run.bytes)} bytes`;
  }
  const legend = [...totals].map(([group, bytes]) => {
    const share = ` ${count(bytes)} (${percent(bytes, size)})`;
    return el("span", "", el("span", `dot ${group}`), group, el("span", "soft", share));
  });
  const rows = owned.slice(0, MAX_ROWS).map((field) => [
    count(field.offset),
    count(field.size),
    el("span", "", el("span", `dot ${field.group}`), `${field.chunk} ${field.name}`),
    field.text,
  ]);
  const cut = owned.length > MAX_ROWS;
  const note = cut ? `the first ${MAX_ROWS} of ${count(owned.length)} fields` : "";
  const out = section("Bytes", note, strip, el("div", "legend", ...legend));
  const heads = [["offset", "number"], ["size", "number"], ["field", "field"], ["value", "value"]];
  out.append(table(heads, rows));
  return out;
}

// What is open: a file, and the codes of the pool.
const current = { name: null, bytes: null, codes: null };
let latest = 0;

/** Reads the file that is open, with the codes that are, and shows it. */
async function show() {
  latest += 1;
  const mine = latest;
  const { name, bytes, codes } = current;
  const found = {};
  const fields = [];
  let error = null;
  document.body.dataset.state = "reading";
  try {
    await read(bytes, { codes, found, fields });
  } catch (caught) {
    error = caught instanceof Refused ? caught : new Refused("x-internal");
  }
  if (mine !== latest) return;
  const sections = [verdictSection(name, bytes.length, error)];
  if (found.features) sections.push(headSection(found), classSection(found, error === null));
  if (error === null) sections.push(keptSection(found));
  if (found.metadata) sections.push(metadataSection(found.metadata));
  sections.push(byteSection(fields, bytes.length));
  if (sections.length % 2 === 0) sections.at(-1).className = "wide";
  result.replaceChildren(...sections);
  document.body.dataset.state = error === null ? "valid" : "refused";
}

function say(text) {
  latest += 1;
  const out = el("section", "wide", foreign(text));
  result.replaceChildren(out);
  document.body.dataset.state = "failed";
}

function takeFile(name, bytes) {
  Object.assign(current, { name, bytes });
}

function takeCodes(name, bytes) {
  current.codes = readCodeTable(bytes);
  const { columns, data } = current.codes;
  const text = `: ${count(data.length / columns)} images, ${count(columns)} columns`;
  document.getElementById("codes-at-hand").replaceChildren(foreign(name), text);
}

/**
 * @param {FileList} files
 * @param {boolean} areCodes or else that is seen by their first byte
 */
async function openFiles(files, areCodes) {
  for (const file of [...files]) {
    if (file.size > MAX_FILE) throw new RangeError(`${file.name} is too large for this page.`);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const take = areCodes || bytes[0] === NUMPY ? takeCodes : takeFile;
    take(file.name, bytes);
  }
  if (current.bytes !== null) await show();
}

/** page.html?file=URL&codes=URL, for files of the same origin. */
async function openAddresses(file, codes) {
  if (codes !== null) takeCodes(...(await fetched(codes)));
  takeFile(...(await fetched(file)));
  await show();
}

/** Name and bytes of what is at an address. */
async function fetched(address) {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin) throw new RangeError(`${url.href} is of another origin.`);
  const response = await fetch(url);
  if (!response.ok) throw new RangeError(`${url.href}: ${response.status}`);
  return [url.pathname.split("/").at(-1), new Uint8Array(await response.arrayBuffer())];
}

function attempt(work) {
  const failed = (error) => (error instanceof RangeError ? "" : "This cannot be opened: ");
  work.catch((error) => say(failed(error) + error.message));
}

for (const id of ["file", "codes"]) {
  document.getElementById(id).addEventListener("change", (event) => {
    attempt(openFiles(event.target.files, id === "codes"));
    event.target.value = "";
  });
}
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", type === "dragenter" || type === "dragover");
    if (type === "drop") attempt(openFiles(event.dataTransfer.files, false));
  });
}
const query = new URLSearchParams(location.search);
if (query.has("file")) attempt(openAddresses(query.get("file"), query.get("codes")));
