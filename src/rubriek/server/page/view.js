// Draws answers. Everything that comes from a text or the service is set as text, never as HTML.

import { duration, number, percent, say } from "./language.js";

const DOUBTFUL = 0.6;
const MAX_IN_CURL = 3;
const SHOWN_WORDS = 3;
// A word's strength is its weight beside the strongest one's, or beside this where all are weak: then nothing is dark.
const LEAST_FULL_STRENGTH = 1;
const LEAST_SHOWN = 0.08;
const STRONG = 0.5;
const DARKEST = 0.55;

export const $ = (id) => document.getElementById(id);

export function make(name, { text, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

const shown = (score, model) =>
  model.problem_type === "regression" ? number(Math.round(score * 1000) / 1000) : percent(score);

// Bars of { name, share, text }; with choose, each is a button.
export function bars(list, entries, { best, chosen, choose } = {}) {
  const most = Math.max(...entries.map((entry) => entry.share), Number.EPSILON);
  list.replaceChildren(...entries.map(({ name, share, text }) => {
    const filled = make("span");
    filled.style.width = `${(100 * Math.max(share, 0)) / Math.max(most, choose ? 1 : most)}%`;
    const parts = [
      make("span", { className: "name", text: name }),
      make("span", { className: "track", ariaHidden: "true" }, filled),
      make("span", { className: "share", text }),
    ];
    const item = make("li", { className: best?.(name) ? "best" : "" });
    if (!choose) item.append(...parts);
    else {
      const button = make("button", { type: "button", ariaPressed: String(name === chosen) }, ...parts);
      button.addEventListener("click", () => choose(name));
      item.append(button);
    }
    return item;
  }));
}

// The labels that count: of a multi-label model all that reach the threshold, the best first.
function counting({ label, labels, scores }) {
  return labels ? [...labels].sort((a, b) => scores[b] - scores[a]) : [label];
}

export const named = (answered) => counting(answered).join(", ") || say("noLabel");

// The answer for one text: label, verdict, bars.
export function answer(answered, model, { chosen, choose }) {
  const regression = model.problem_type === "regression";
  const ranked = Object.entries(answered.scores).sort(([, a], [, b]) => b - a);
  const score = shown(answered.score, model);
  const labels = counting(answered);
  $("label").textContent = named(answered);
  $("label").classList.toggle("several", labels.length > 1);
  if (answered.empty) $("verdict").textContent = say("none");
  else if (regression) $("verdict").textContent = say("value", score);
  else if (answered.labels) $("verdict").textContent = reached(labels.length, model.threshold);
  else if (answered.score < DOUBTFUL && ranked.length > 1) {
    $("verdict").textContent = say("doubtful", score, ranked[1][0], shown(ranked[1][1], model));
  } else $("verdict").textContent = say("certain", score);
  $("scores-block").hidden = regression;
  const entries = ranked.map(([name, share]) => ({ name, share, text: shown(share, model) }));
  bars($("scores"), entries, { best: (name) => labels.includes(name), chosen, choose });
}

function reached(count, threshold) {
  if (count === 0) return say("nothingOver");
  return Array.isArray(threshold) ? say("overOwn", count) : say("over", count, percent(threshold));
}

// The text as it stands, while its words are being looked at.
export function unexplained(text, label) {
  $("why-title").textContent = say("whyTitle", label);
  $("why").textContent = say("explaining");
  $("marked").replaceChildren(text);
  $("legend").hidden = true;
  $("facts").textContent = "";
}

// The text with its words marked: how much each moves the result when it is left out.
export function explained(text, told, model, times) {
  const characters = Array.from(text); // places count code points, JavaScript's strings do not
  const piece = (start, end) => characters.slice(start, end).join("");
  const full = Math.max(LEAST_FULL_STRENGTH, ...told.spans.map((span) => Math.abs(span.weight)));
  const parts = [];
  let at = 0;
  for (const span of told.spans) {
    const strength = span.weight / full;
    const words = piece(span.start, span.end);
    parts.push(piece(at, span.start), Math.abs(strength) < LEAST_SHOWN ? words : marked(words, strength, span, told, model));
    at = span.end;
  }
  parts.push(piece(at, told.read));
  if (told.read < characters.length) {
    parts.push(make("span", { className: "cut", text: say("cut") }));
    parts.push(make("span", { className: "unread", text: piece(told.read, characters.length) }));
  }
  $("marked").replaceChildren(...parts);
  $("legend").hidden = told.spans.length === 0;
  $("why-title").textContent = say("whyTitle", told.label);
  $("why").textContent = because(told, model);
  const facts = told.truncated ? say("facts", number(model.max_length), number(told.tokens)) : say("whole", number(told.tokens));
  $("facts").textContent = times ? `${facts} ${say("times", ...times.map(duration))}` : facts;
}

function marked(words, strength, span, told, model) {
  const word = make("mark", { className: strength > 0 ? "for" : "against", text: words });
  word.classList.toggle("strong", Math.abs(strength) >= STRONG);
  word.style.setProperty("--strength", (DARKEST * Math.abs(strength) ** 0.7).toFixed(2));
  word.title = say("word", words, shown(told.score, model), shown(span.without, model));
  return word;
}

// The same in words: what becomes of the score without the words that carry it.
function because(told, model) {
  if (told.spans.length === 0) return say("none");
  const before = shown(told.score, model);
  const strongest = told.spans.filter((span) => span.weight > 0).sort((a, b) => b.weight - a.weight);
  const telling = strongest
    .filter((span) => span.weight >= STRONG * strongest[0].weight && shown(span.without, model) !== before)
    .slice(0, SHOWN_WORDS);
  if (telling.length === 0) return say("noWord", told.label);
  const [first, ...others] = telling.map((span) => [span.text, shown(span.without, model)]);
  return `${say("without", before, ...first)}${others.map((other) => say("alsoWithout", ...other)).join("")}.`;
}

// The table of many answers, as far as asked for.
export function rows(texts, answers, model, { from, to, open }) {
  const made = answers.slice(from, to).map((answered, place) => {
    const index = from + place;
    const button = make("button", { type: "button", text: texts[index].trimStart().split("\n", 1)[0].slice(0, 300) || "–" });
    button.addEventListener("click", () => open(index));
    return make("tr", {},
      make("td", { className: "number", text: number(index + 1) }),
      make("td", {}, button),
      make("td", { text: named(answered) }),
      make("td", { className: "number", text: shown(answered.score, model) }));
  });
  $("rows").append(...made);
}

export function division(answers) {
  const counts = new Map();
  for (const answered of answers) {
    const labels = counting(answered);
    for (const label of labels.length ? labels : [null]) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const entries = [...counts].sort(([, a], [, b]) => b - a).map(([label, count]) => [label ?? say("noLabel"), count]);
  bars($("division"), entries.map(([name, share]) => ({ name, share, text: number(share) })));
}

const readCsv = ({ delimiter, source }) => [
  "read_csv",
  ...(delimiter === "," ? [] : [`sep=${JSON.stringify(delimiter)}`]),
  ...(source.opening ? ["skiprows=1"] : []),
];

// The same in Python and with curl. A file is named, not copied into the code.
export function snippets(model, { texts, table, columns }, withKey) {
  const named = (value) => JSON.stringify(value);
  const given = texts.length > 1 ? `[${texts.map(named).join(", ")}]` : named(texts[0]);
  const load = `classifier = rubriek.load(${named(model.name)})`;
  if (table.name) {
    const [reader, ...more] = {
      jsonl: ["read_json", "lines=True"], txt: ["read_table", "header=None", 'names=["text"]'],
    }[table.kind] ?? readCsv(table);
    $("python").textContent = `import pandas\nimport rubriek\n\n${load}\n`
      + `frame = pandas.${reader}(${[named(table.name), ...more].join(", ")})\n`
      + `print(classifier.predict(frame, text_column=${named(columns)}))`;
  } else {
    const explained = texts.length > 1 ? "" : `\nprint(classifier.explain(${given}))`;
    $("python").textContent = `import rubriek\n\n${load}\nprint(classifier.predict(${given}))${explained}`;
  }
  const few = texts.length > 1 ? { texts: texts.slice(0, MAX_IN_CURL) } : { text: texts[0] };
  const body = JSON.stringify({ model: model.name, ...few, scores: true });
  $("curl").textContent = [
    `curl -s ${new URL("v1/classify", document.baseURI)}`,
    "-H 'Content-Type: application/json'",
    ...(withKey ? ['-H "Authorization: Bearer $RUBRIEK_KEY"'] : []),
    `-d '${body.replaceAll("'", "'\\''")}'`,
  ].join(" \\\n  ");
}
