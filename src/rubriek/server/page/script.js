// The page: what is asked, what is shown, and the way between.

import * as language from "./language.js";
import * as requests from "./requests.js";
import * as tables from "./tables.js";
import * as view from "./view.js";

const { $, make } = view;
const { say, number } = language;
const ROWS_AT_ONCE = 100;
const LABELS_AT_ONCE = 12;
const narrow = matchMedia("(max-width: 52rem)"); // as in style.css: the result is below the form

const state = {
  models: [],
  file: null, // what was dropped or opened
  table: null, // what was asked last: all its columns, those with the text, the texts
  columns: [],
  texts: [],
  answers: [],
  asked: null, // the model that answered
  opened: null, // the text that is shown, and the label that is explained
  label: null,
  explanation: null,
  shown: 0,
  milliseconds: 0, // that the answers took
  running: null,
  explaining: null,
};

const model = () => state.models.find((one) => one.name === $("model").value);

// --- what is asked

function asked() {
  if (state.file) {
    const chosen = [...$("columns").querySelectorAll("input:checked")].map((box) => box.value);
    if (!chosen.length) throw new tables.FileError(say("noColumn"));
    return { table: state.file, columns: chosen, texts: tables.texts(state.file, chosen) };
  }
  const text = $("input").value;
  if (!text.trim()) throw new tables.FileError(say("noText"));
  const texts = $("lines").checked ? text.split("\n").filter((line) => line.trim()) : [text];
  return { table: { columns: ["text"], rows: texts.map((one) => [one]) }, columns: ["text"], texts };
}

async function submit() {
  try {
    if (!state.models.length) await loadModels();
    const question = asked();
    state.running?.abort();
    state.explaining?.abort();
    const running = new AbortController();
    Object.assign(state, question, { answers: [], asked: model(), opened: null, label: null, running, shown: 0 });
    clear();
    await classify(running);
  } catch (error) {
    failed(error);
  }
}

async function classify(running) {
  const { texts } = state;
  const many = texts.length > 1;
  $("progress-field").hidden = !many;
  const start = performance.now();
  status(say("working"));
  const waiting = (seconds) => status(say("waiting", seconds));
  try {
    for await (const part of requests.classify(state.asked.name, texts, { signal: running.signal, waiting })) {
      state.answers.push(...part);
      if (many) {
        $("progress").value = state.answers.length / texts.length;
        status(say("reading", number(state.answers.length), number(texts.length)));
        showMany();
      }
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    if (state.running !== running) return; // another question took over
    status(say("stopped", number(state.answers.length), number(texts.length)));
    return;
  } finally {
    if (state.running === running) {
      $("progress-field").hidden = true;
      state.milliseconds = performance.now() - start;
      showAfter(); // also of answers that others did not follow
    }
  }
  if (state.running !== running) return;
  if (many) {
    status(say("doneMany", number(texts.length), language.duration(state.milliseconds)));
    if (narrow.matches) $("many").scrollIntoView();
  } else {
    status(spoken(state.answers[0]), { seen: false });
    await open(0);
  }
}

function showAfter() {
  if (state.answers.length === 0) return;
  view.snippets(state.asked, state, !$("key-field").hidden);
  $("download-csv").textContent = state.table.kind === "tsv" ? "TSV" : "CSV";
  $("after").hidden = false;
}

function spoken(answer) {
  if (answer.labels) return `${view.named(answer)}.`;
  return say("done", answer.label, state.asked.problem_type === "regression" ? number(answer.score) : language.percent(answer.score));
}

// --- what is shown

function clear() {
  for (const id of ["alert", "nothing", "many", "one", "after", "more"]) $(id).hidden = true;
  $("rows").replaceChildren();
}

function showMany() {
  $("many").hidden = false;
  view.division(state.answers);
  if (state.shown < ROWS_AT_ONCE) showRows(ROWS_AT_ONCE);
  const rest = state.answers.length - state.shown;
  $("more").hidden = rest === 0;
  $("more").textContent = say("moreRows", number(Math.min(rest, ROWS_AT_ONCE)));
}

function showRows(to) {
  view.rows(state.texts, state.answers, state.asked, { from: state.shown, to, open });
  state.shown = Math.min(to, state.answers.length);
}

async function open(index) {
  state.opened = index;
  [...$("rows").children].forEach((row, place) => {
    if (place === index) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  });
  $("one").hidden = false;
  if (narrow.matches || state.texts.length > 1) $("one").scrollIntoView({ block: narrow.matches ? "start" : "nearest" });
  await choose(state.answers[index].label);
}

async function choose(label) {
  const again = document.activeElement?.closest("#scores") !== null;
  state.label = label;
  state.explanation = null;
  showAnswer();
  if (again) $("scores").querySelector('[aria-pressed="true"]')?.focus();
  const text = state.texts[state.opened].toWellFormed?.() ?? state.texts[state.opened];
  view.unexplained(text, label);
  state.explaining?.abort();
  const explaining = new AbortController();
  state.explaining = explaining;
  const start = performance.now();
  try {
    const told = await requests.explain(state.asked.name, text, label, { signal: explaining.signal });
    if (state.explaining !== explaining) return;
    const times = state.texts.length === 1 ? [state.milliseconds, performance.now() - start] : null;
    state.explanation = { text, told, times };
    showExplanation();
  } catch (error) {
    if (error.name === "AbortError") return;
    $("why").textContent = "";
    failed(error);
  }
}

function showAnswer() {
  view.answer(state.answers[state.opened], state.asked, { chosen: state.label, choose });
}

function showExplanation() {
  const { text, told, times } = state.explanation;
  view.explained(text, told, state.asked, times);
}

// Where the page shows the same anyway, it is for those who listen.
function status(text, { seen = true } = {}) {
  $("status").textContent = text;
  $("status").classList.toggle("hidden", !seen);
}

function failed(error) {
  if (error.name === "AbortError") return;
  let message = say("unreachable");
  if (error instanceof tables.FileError) message = error.message;
  else if (error instanceof requests.ServiceError) {
    message = say("failed", error.message, error.hint);
    if (error.status === 401) {
      message = say("keyWanted");
      $("key-field").hidden = false;
      $("key").focus();
    }
  } else if (!(error instanceof TypeError)) throw error;
  $("alert").textContent = message;
  $("alert").hidden = false;
  status("");
}

// --- models, files, examples

async function loadModels() {
  state.models = await requests.models();
  $("model").replaceChildren(...state.models.map(({ name }) => make("option", { value: name, text: name })));
  $("model-field").hidden = state.models.length < 2;
  speak(language.current());
}

function showModel() {
  const one = model();
  if (!one) return;
  const title = one.words[language.current()]?.title ?? one.title;
  $("title").textContent = title;
  document.title = `${title} · rubriek`;
  for (const id of ["input", "marked"]) $(id).lang = one.language;
  const names = one.labels.slice(0, LABELS_AT_ONCE);
  if (names.length < one.labels.length) names.push(say("moreLabels", number(one.labels.length - names.length)));
  $("labels").replaceChildren(...names.map((name) => make("li", { text: name })));
  showExamples(one);
  $("engine").textContent = say("engine", one.name, one.labels.length, one.engine, one.precision, number(one.max_length));
}

async function useFile(file) {
  $("alert").hidden = true;
  try {
    state.file = await tables.read(file);
  } catch (error) {
    failed(error);
    return;
  }
  const chosen = tables.textColumns(state.file);
  $("columns").replaceChildren(...state.file.columns.map((name) => {
    const box = make("input", { type: "checkbox", value: name, checked: chosen.includes(name) });
    return make("label", { className: "check" }, box, make("span", { text: name }));
  }));
  showFile();
  $("submit").focus();
}

function showFile() {
  $("file").hidden = !state.file;
  $("text-field").hidden = Boolean(state.file);
  if (!state.file) return;
  $("file-name").textContent = state.file.name;
  $("file-facts").textContent = say("rows", number(state.file.rows.length));
}

function forgetFile() {
  state.file = null;
  showFile();
}

// An example shows its first line until it is chosen.
function showExamples({ examples, language: lang }) {
  $("examples-block").hidden = examples.length === 0;
  $("examples").replaceChildren(...examples.map((text) => {
    const button = make("button", { type: "button", lang, text: text.split("\n", 1)[0] });
    button.addEventListener("click", () => {
      forgetFile();
      $("lines").checked = false;
      $("input").value = text;
      count();
      submit();
    });
    return make("li", {}, button);
  }));
}

function count() {
  const characters = Array.from($("input").value).length;
  $("characters").textContent = characters ? say("characters", number(characters)) : "";
}

function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function saveAs(kind) {
  const { table, answers } = state;
  const name = (table.name ?? "rubriek").replace(/\.[^.]*$/, "");
  if (kind === "jsonl") save(`${name}.classified.jsonl`, "application/x-ndjson", tables.toJsonl(table, answers));
  else if (table.kind === "tsv") save(`${name}.classified.tsv`, "text/tab-separated-values", tables.toDelimited(table, answers));
  else save(`${name}.classified.csv`, "text/csv", tables.toDelimited(table, answers));
}

async function copy(id) {
  try {
    await navigator.clipboard.writeText($(id).textContent);
    status(say("copied"));
  } catch {
    getSelection().selectAllChildren($(id));
    status(say("notCopied"));
  }
}

// --- language and appearance

function speak(wanted) {
  language.use(wanted, model()?.words);
  $("date").textContent = language.today();
  count();
  showModel();
  showFile();
  if (state.answers.length === 0) return;
  if (state.texts.length > 1) {
    $("rows").replaceChildren();
    const shown = state.shown;
    state.shown = 0;
    showRows(shown);
    showMany();
  }
  if (state.opened === null) return;
  showAnswer();
  if (state.explanation) showExplanation();
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").setAttribute("aria-pressed", String(theme === "dark"));
}

// --- begin

const wantsDark = matchMedia("(prefers-color-scheme: dark)");
dress(language.remembered("rubriek-theme") ?? (wantsDark.matches ? "dark" : "light"));
speak(language.initial());

$("form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("input").addEventListener("input", count);
$("input").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
});
$("key").addEventListener("input", () => requests.useKey($("key").value));
$("model").addEventListener("change", () => speak(language.current()));
$("upload").addEventListener("change", () => { if ($("upload").files[0]) useFile($("upload").files[0]); $("upload").value = ""; });
$("file-away").addEventListener("click", () => { forgetFile(); $("input").focus(); });
$("stop").addEventListener("click", () => state.running?.abort());
$("more").addEventListener("click", () => { showRows(state.shown + ROWS_AT_ONCE); showMany(); });
$("download-csv").addEventListener("click", () => saveAs("csv"));
$("download-jsonl").addEventListener("click", () => saveAs("jsonl"));
$("copy-python").addEventListener("click", () => copy("python"));
$("copy-curl").addEventListener("click", () => copy("curl"));
$("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  language.remember("rubriek-theme", theme);
  dress(theme);
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    language.remember("rubriek-language", button.dataset.language);
    speak(button.dataset.language);
  });
}
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files[0]) useFile(event.dataTransfer.files[0]);
});

loadModels().catch(failed);
