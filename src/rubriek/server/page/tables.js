// Files of texts: read with every cell as it stands, or refused with the line and the cause; and written again.

import { say } from "./language.js";

export const MAX_ROWS = 10_000;
const MAX_MEGABYTES = 20;
const TEXT_NAMES = ["text", "tekst", "title", "titel", "headline", "kop", "body", "bericht", "article", "artikel"];

const BOM = "\ufeff";
const DELIMITERS = [",", ";", "\t", "|"];

export class FileError extends Error {}

// Returns { name, kind, bom, columns, rows } and, of CSV and TSV, { delimiter, source }: rows are arrays as long as columns,
// of strings or (JSONL) of any JSON; source is what the file is given back with, see toDelimited.
export async function read(file) {
  const kind = file.name.toLowerCase().match(/\.(csv|tsv|jsonl|ndjson|txt)$/)?.[1].replace("ndjson", "jsonl");
  if (!kind) throw new FileError(say("unknownFile", file.name));
  if (file.size > MAX_MEGABYTES * 1e6) throw new FileError(say("tooLargeFile", MAX_MEGABYTES));
  const content = decoded(await file.arrayBuffer());
  const bom = content.startsWith(BOM) ? BOM : "";
  const table = { txt: lines, jsonl: objects, csv: delimited, tsv: delimited }[kind](content.slice(bom.length), kind);
  if (table.rows.length === 0) throw new FileError(say("emptyFile"));
  if (table.rows.length > MAX_ROWS) throw new FileError(say("tooManyRows", table.rows.length, MAX_ROWS));
  return { name: file.name, kind, bom, ...table };
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FileError(say("notUtf8"));
  }
}

function lines(text) {
  return { columns: ["text"], rows: text.split(/\r\n|\n|\r/).filter((line) => line.trim()).map((line) => [line]) };
}

function delimited(text, kind) {
  const stated = text.match(/^"?sep=([^"\r\n])"?(\r\n|\n|\r)/i); // Excel's
  const opening = stated?.[0] ?? "";
  const delimiter = stated?.[1] ?? (kind === "tsv" ? "\t" : likeliest(text));
  const [header, ...records] = fields(text.slice(opening.length), delimiter, opening ? 2 : 1);
  if (!header) throw new FileError(say("emptyFile"));
  const columns = header.cells;
  const twice = columns.find((name, place) => columns.indexOf(name) !== place);
  if (twice !== undefined) throw new FileError(say("twice", twice));
  for (const { line, cells } of records) {
    if (cells.length !== columns.length) throw new FileError(say("ragged", line, cells.length, columns.length));
  }
  return { delimiter, columns, rows: records.map(({ cells }) => cells), source: { opening, header, records } };
}

// As rubriek classify finds it: by the header, and by the rows where several delimiters are possible.
function likeliest(text) {
  const header = text.split(/[\r\n]/, 1)[0].split('"').filter((_, place) => place % 2 === 0).join("");
  const times = (delimiter) => header.split(delimiter).length - 1;
  const possible = DELIMITERS.filter(times);
  if (possible.length < 2) return possible[0] ?? ",";
  const even = possible.filter((delimiter) => isEven(text, delimiter));
  const [first, second] = (even.length ? even : possible).sort((a, b) => times(b) - times(a));
  if (second && times(first) === times(second)) throw new FileError(say("unclearDelimiter", first));
  return first;
}

function isEven(text, delimiter) {
  try {
    return new Set(fields(text, delimiter, 1).map(({ cells }) => cells.length)).size === 1;
  } catch {
    return false;
  }
}

// RFC 4180, with any delimiter and any line break; empty lines are left out. Each record keeps how it was written:
// raw, without its line break, and whether every cell stood in quotation marks.
function fields(text, delimiter, line) {
  const records = [];
  let cells = [], cell = "", first = line, quoted = false, wasQuoted = false, allQuoted = true, opened = line, start = 0;
  const endCell = () => { cells.push(cell); allQuoted &&= wasQuoted; cell = ""; wasQuoted = false; };
  const endRecord = (at, lineBreak) => {
    const empty = cells.length === 0 && cell === "" && !wasQuoted;
    if (!empty) { endCell(); records.push({ line: first, cells, raw: text.slice(start, at), lineBreak, allQuoted }); }
    cells = [];
    allQuoted = true;
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
      const lineBreak = sign === "\r" && text[at + 1] === "\n" ? "\r\n" : sign;
      endRecord(at, lineBreak);
      if (lineBreak.length > 1) { at += 1; line += 1; }
      start = at + 1;
      first = line;
    } else cell += sign;
  }
  if (quoted) throw new FileError(say("openQuote", opened));
  endRecord(text.length, "");
  return records;
}

function objects(text) {
  const columns = [], found = [];
  text.split(/\r\n|\n|\r/).forEach((line, place) => {
    if (!line.trim()) return;
    let value;
    try { value = JSON.parse(line, asWritten); } catch { value = null; }
    if (typeof value === "string") value = { text: value };
    if (value === null || typeof value !== "object" || Array.isArray(value)) throw new FileError(say("notJson", place + 1));
    for (const name of Object.keys(value)) if (!columns.includes(name)) columns.push(name);
    found.push(new Map(Object.entries(value)));
  });
  return { columns, rows: found.map((value) => columns.map((name) => value.get(name) ?? null)) };
}

// A number that JavaScript would write in another way (1.0, 1e5, or more digits than it keeps) stays as it was. Browsers
// that do not know rawJSON are from before 2025; there it becomes JavaScript's number.
const asWritten = (_, value, context) =>
  (typeof value === "number" && JSON.rawJSON && context?.source !== String(value) ? JSON.rawJSON(context.source) : value);

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

const RESULTS = ["label", "score", "labels", "scores", "tokens", "truncated"];

// What the answers add on the right; a column that is there already is never overwritten.
function added(table, answers) {
  const told = RESULTS.filter((name) => name !== "labels" || answers.some((answer) => answer.labels)); // multi-label models
  const names = told.map((name) => (table.columns.includes(name) ? `rubriek_${name}` : name));
  return { names, rows: answers.map((answer) => told.map((name) => answer[name])) };
}

// A CSV or TSV file comes back as it was, character for character, with the results at the end of each record: in
// quotation marks where all of the record's cells are. Anything else becomes CSV with commas.
export function toDelimited(table, answers) {
  const { names, rows } = added(table, answers);
  const delimiter = table.delimiter ?? ",";
  const joined = (cells, always = false) =>
    cells.map((cell) => (always ? inQuotes(written(cell)) : quotedIfNeeded(written(cell), delimiter))).join(delimiter);
  if (!table.source) {
    const lines = [[...table.columns, ...names], ...rows.map((cells, place) => [...table.rows[place], ...cells])];
    return lines.map((cells) => `${joined(cells)}\r\n`).join("");
  }
  const { opening, header, records } = table.source;
  const longer = ({ raw, lineBreak, allQuoted }, cells) => `${raw}${delimiter}${joined(cells, allQuoted)}${lineBreak}`;
  const body = rows.map((cells, place) => longer(records[place], cells)).join("");
  return `${table.bom}${opening}${longer(header, names)}${body}`;
}

const inQuotes = (cell) => `"${cell.replaceAll('"', '""')}"`;
const quotedIfNeeded = (cell, delimiter) =>
  (cell.includes(delimiter) || /["\r\n]/.test(cell) ? inQuotes(cell) : cell);

export function toJsonl(table, answers) {
  const { names, rows } = added(table, answers);
  const columns = [...table.columns, ...names];
  const object = (cells) => Object.fromEntries(columns.map((name, place) => [name, cells[place]]));
  return rows.map((cells, place) => `${JSON.stringify(object([...table.rows[place], ...cells]))}\n`).join("");
}
