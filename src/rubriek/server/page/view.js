// Draws answers. Everything that comes from a text or the service is set as text, never as HTML.

import { number, percent, say } from "./language.js";

const DOUBTFUL = 0.6;
const SHOWN_WORDS = 3;
const LEAST_SHIFT = 0.02; // of the strongest word: weaker ones are left unmarked
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

// The answer for one text: label, verdict, bars.
export function answer(answered, model, { chosen, choose }) {
  const regression = model.problem_type === "regression";
  const ranked = Object.entries(answered.scores).sort(([, a], [, b]) => b - a);
  const score = shown(answered.score, model);
  const labels = answered.labels?.length ? answered.labels : [answered.label];
  $("label").textContent = labels.join(", ");
  if (answered.empty) $("verdict").textContent = say("none");
  else if (regression) $("verdict").textContent = say("value", score);
  else if (answered.score < DOUBTFUL && ranked.length > 1 && !answered.labels) {
    $("verdict").textContent = say("doubtful", score, ranked[1][0], shown(ranked[1][1], model));
  } else $("verdict").textContent = say("certain", score);
  for (const id of ["scores", "scores-note"]) $(id).hidden = regression;
  $("scores").previousElementSibling.previousElementSibling.hidden = regression;
  const entries = ranked.map(([name, share]) => ({ name, share, text: shown(share, model) }));
  bars($("scores"), entries, { best: (name) => labels.includes(name), chosen, choose });
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
export function explained(text, told, model, milliseconds) {
  const characters = Array.from(text); // places count code points, JavaScript's strings do not
  const piece = (start, end) => characters.slice(start, end).join("");
  const most = Math.max(...told.spans.map((span) => Math.abs(span.weight)), 0);
  const parts = [];
  let at = 0;
  for (const span of told.spans) {
    const share = most ? span.weight / most : 0;
    parts.push(piece(at, span.start), Math.abs(share) < LEAST_SHIFT ? piece(span.start, span.end) : marked(piece(span.start, span.end), share, span, told, model));
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
  $("why").textContent = because(told, model, most);
  const facts = told.truncated ? say("facts", number(model.max_length), number(told.tokens)) : say("whole", number(told.tokens));
  $("facts").textContent = milliseconds === undefined ? facts : `${facts} ${say("time", number(Math.max(1, Math.round(milliseconds))))}`;
}

function marked(text, share, span, told, model) {
  const strength = Math.abs(share);
  const word = make("mark", { className: share > 0 ? "for" : "against", text });
  word.classList.toggle("strong", strength >= STRONG);
  word.style.setProperty("--strength", (DARKEST * Math.sqrt(strength)).toFixed(2));
  word.title = say("word", text, shown(told.score, model), shown(span.without, model));
  return word;
}

function because(told, model, most) {
  const strongest = told.spans.filter((span) => span.weight > 0).sort((a, b) => b.weight - a.weight);
  const telling = strongest.filter((span) => span.weight >= STRONG * most).slice(0, SHOWN_WORDS);
  const moved = telling.filter((span) => shown(span.without, model) !== shown(told.score, model));
  if (!moved.length) return told.spans.length ? say("noWord", told.label) : say("none");
  return moved.map((span) => say("without", `‘${span.text}’`, told.label, shown(told.score, model), shown(span.without, model))).join(" ");
}

// The table of many answers, as far as asked for.
export function rows(texts, answers, model, { from, to, open }) {
  const made = answers.slice(from, to).map((answered, place) => {
    const index = from + place;
    const button = make("button", { type: "button", text: texts[index].slice(0, 300) || "–" });
    button.addEventListener("click", () => open(index));
    return make("tr", {},
      make("td", { className: "number", text: number(index + 1) }),
      make("td", {}, button),
      make("td", { text: (answered.labels ?? [answered.label]).join(", ") }),
      make("td", { className: "number", text: shown(answered.score, model) }));
  });
  $("rows").append(...made);
}

export function division(answers) {
  const counts = new Map();
  for (const { label } of answers) counts.set(label, (counts.get(label) ?? 0) + 1);
  const entries = [...counts].sort(([, a], [, b]) => b - a);
  bars($("division"), entries.map(([name, share]) => ({ name, share, text: number(share) })));
}

export function snippets(model, texts, withKey) {
  const many = texts.length > 1;
  const few = texts.slice(0, 3);
  const given = many ? `[${few.map((text) => JSON.stringify(text)).join(", ")}]` : JSON.stringify(texts[0]);
  $("python").textContent = [
    "import rubriek",
    "",
    `classifier = rubriek.load(${JSON.stringify(model.name)})`,
    `print(classifier.predict(${given}))`,
    ...(many ? [] : [`print(classifier.explain(${given}))`]),
  ].join("\n");
  const body = JSON.stringify({ model: model.name, ...(many ? { texts: few } : { text: texts[0] }), scores: true });
  $("curl").textContent = [
    `curl -s ${new URL("v1/classify", document.baseURI)}`,
    "-H 'Content-Type: application/json'",
    ...(withKey ? ['-H "Authorization: Bearer $RUBRIEK_KEY"'] : []),
    `-d '${body.replaceAll("'", "'\\''")}'`,
  ].join(" \\\n  ");
}
