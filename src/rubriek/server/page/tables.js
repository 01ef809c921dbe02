// Files of texts: read with every cell as it stands, or refused with the line and the cause; and written again.

import { say } from "./language.js";

export const MOST_ROWS = 10_000;
const MOST_MEGABYTES = 20;
const TEXT_NAMES = ["text", "tekst", "title", "titel", "headline", "kop", "body", "bericht", "article", "artikel"];

export class FileError extends Error {}

// Returns { name, kind, delimiter, columns, rows }: rows are arrays as long as columns, of strings or (JSONL) of any JSON.
export async function read(file) {
  const kind = file.name.toLowerCase().match(/\.(csv|tsv|jsonl|ndjson|txt)$/)?.[1].replace("ndjson", "jsonl");
  if (!kind) throw new FileError(say("unknownFile", file.name));
  if (file.size > MOST_MEGABYTES * 1e6) throw new FileError(say("tooLargeFile", MOST_MEGABYTES));
  const text = decoded(await file.arrayBuffer());
  const table = { txt: lines, jsonl: objects, csv: delimited, tsv: delimited }[kind](text, kind);
  if (table.rows.length === 0) throw new FileError(say("emptyFile"));
  if (table.rows.length > MOST_ROWS) throw new FileError(say("tooManyRows", table.rows.length, MOST_ROWS));
  return { name: file.name, kind, ...table };
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FileError(say("notUtf8"));
  }
}

function lines(text) {
  return { columns: ["text"], rows: text.split(/\r\n|\n|\r/).filter((line) => line.trim()).map((line) => [line]) };
}

function delimited(text, kind) {
  const delimiter = kind === "tsv" ? "\t" : likelier(text.split(/\r|\n/, 1)[0]);
  const [header, ...records] = fields(text, delimiter);
  if (!header) throw new FileError(say("emptyFile"));
  const columns = header.cells;
  const twice = columns.find((name, place) => columns.indexOf(name) !== place);
  if (twice !== undefined) throw new FileError(say("twice", twice));
  for (const { line, cells } of records) {
    if (cells.length !== columns.length) throw new FileError(say("ragged", line, cells.length, columns.length));
  }
  return { delimiter, columns, rows: records.map(({ cells }) => cells) };
}

const likelier = (header) => (header.split(";").length > header.split(",").length ? ";" : ",");

// RFC 4180, with any delimiter and any line break; empty lines are left out.
function fields(text, delimiter) {
  const records = [];
  let cells = [], cell = "", line = 1, first = 1, quoted = false, wasQuoted = false, opened = 1;
  const endCell = () => { cells.push(cell); cell = ""; wasQuoted = false; };
  const endRecord = () => {
    const empty = cells.length === 0 && cell === "" && !wasQuoted;
    if (!empty) { endCell(); records.push({ line: first, cells }); }
    cells = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === "\n" || (sign === "\r" && text[at + 1] !== "\n")) line += 1;
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; }
      else quoted = false;
    } else if (sign === '"' && cell === "" && !wasQuoted) { quoted = true; wasQuoted = true; opened = line; }
    else if (sign === delimiter) endCell();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[at + 1] === "\n") { at += 1; line += 1; }
      endRecord();
      first = line;
    } else cell += sign;
  }
  if (quoted) throw new FileError(say("openQuote", opened));
  endRecord();
  return records;
}

function objects(text) {
  const columns = [], found = [];
  text.split(/\r\n|\n|\r/).forEach((line, place) => {
    if (!line.trim()) return;
    let value;
    try { value = JSON.parse(line); } catch { value = null; }
    if (typeof value === "string") value = { text: value };
    if (value === null || typeof value !== "object" || Array.isArray(value)) throw new FileError(say("notJson", place + 1));
    for (const name of Object.keys(value)) if (!columns.includes(name)) columns.push(name);
    found.push(new Map(Object.entries(value)));
  });
  return { columns, rows: found.map((value) => columns.map((name) => value.get(name) ?? null)) };
}

const written = (cell) => (cell === null ? "" : typeof cell === "string" ? cell : JSON.stringify(cell));

// Which columns most likely hold the text: title and text where both are there, else the one with most words.
export function textColumns({ columns, rows }) {
  const known = columns.filter((name) => TEXT_NAMES.includes(name.trim().toLowerCase()));
  if (known.length) return known;
  const length = (place) => rows.slice(0, 100).reduce((sum, row) => sum + written(row[place]).length, 0);
  const places = columns.map((_, place) => place);
  return [columns[places.reduce((best, place) => (length(place) > length(best) ? place : best), 0)]];
}

export function texts({ columns, rows }, chosen) {
  const places = chosen.map((name) => columns.indexOf(name));
  return rows.map((row) => places.map((place) => written(row[place])).filter((cell) => cell !== "").join("\n"));
}

const RESULTS = ["label", "score", "scores", "tokens", "truncated"];

// The table with the results on the right; a column that is there already is never overwritten.
export function results(table, answers) {
  const names = RESULTS.map((name) => (table.columns.includes(name) ? `rubriek_${name}` : name));
  const told = answers.map((answer) => RESULTS.map((name) => answer[name]));
  return { columns: [...table.columns, ...names], rows: told.map((values, place) => [...table.rows[place], ...values]) };
}

export function toCsv({ columns, rows }) {
  const line = (cells) => cells.map((cell) => quotedIfNeeded(written(cell))).join(",");
  return `${[columns, ...rows].map(line).join("\r\n")}\r\n`;
}

const quotedIfNeeded = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

export function toJsonl({ columns, rows }) {
  const object = (row) => Object.fromEntries(columns.map((name, place) => [name, row[place]]));
  return rows.map((row) => `${JSON.stringify(object(row))}\n`).join("");
}
