// The page in two languages, with the words of the model's card for its labels. Texts of the page itself carry data-text, data-label or data-placeholder in index.html.

const GENERIC = {
  nl: { label: "label", labels: "labels", examples: "Voorbeelden" },
  en: { label: "label", labels: "labels", examples: "Examples" },
};

export const TEXTS = {
  nl: {
    skip: "Naar het invoerveld",
    settings: "Taal en weergave",
    dark: "Donker",
    text: "Tekst",
    key: "Sleutel van deze dienst",
    keyNote: "Blijft in deze pagina en wordt nergens bewaard.",
    textLabel: "Tekst om te classificeren",
    placeholder: "Plak of typ hier een tekst.",
    lines: "Elke regel is een tekst op zich",
    columns: "Kolommen met de tekst",
    fileAway: "Bestand weghalen",
    submit: "Classificeer",
    upload: "Bestand openen",
    model: "Model",
    dropNote: "Ctrl + Enter werkt ook. Een CSV-, TSV-, JSONL- of TXT-bestand mag u op de pagina slepen.",
    examples: () => word("examples"),
    progress: "Voortgang",
    stop: "Stoppen",
    result: "Uitslag",
    nothing: "Hier komt het antwoord te staan, met alle kansen en de woorden waar het model op afging.",
    division: "Verdeling",
    table: "Teksten met hun antwoord",
    textColumn: "Tekst",
    labelColumn: () => capital(word("label")),
    scoreColumn: "Kans",
    scores: "Kansen",
    scoresNote: () => `Kies een ${word("label")} om te zien wat ervoor en ertegen spreekt.`,
    for: "spreekt ervoor",
    against: "spreekt ertegen",
    legend: "Elk woord is om de beurt weggelaten; hoe sterker de kleur, hoe meer de uitslag dan verschuift.",
    download: "Uitslag bewaren",
    code: "Zelf doen, in Python of met curl",
    copyPython: "Kopieer Python",
    copyCurl: "Kopieer curl",
    privacy: "Teksten gaan alleen naar deze dienst en worden daar niet bewaard.",
    docs: "De HTTP-interface",
    characters: (count) => `${count} tekens`,
    working: "Het model leest.",
    reading: (done, all) => `${done} van ${all} teksten gelezen.`,
    stopped: (done, all) => `Gestopt: ${done} van ${all} teksten gelezen.`,
    done: (label, score) => `${label}, ${score}.`,
    doneMany: (all, time) => `${all} teksten gelezen in ${time}. Kies er een om te zien waar het model op afging.`,
    waiting: (seconds) => `De dienst heeft het druk; over ${seconds} s verder.`,
    certain: (score) => `Het model geeft dit antwoord een kans van ${score}.`,
    noLabel: () => `Geen ${word("label")}`,
    over: (count, threshold) => `${labels(count)} ${count === 1 ? "haalt" : "halen"} de drempel van ${threshold}.`,
    overOwn: (count) => `${labels(count)} ${count === 1 ? "haalt" : "halen"} de eigen drempel.`,
    nothingOver: "Het model geeft geen enkele kans die de drempel haalt.",
    moreLabels: (count) => `en nog ${count}`,
    doubtful: (score, second, its) => `Het model twijfelt: ${score} hiervoor, ${its} voor ${second}.`,
    value: (score) => `De waarde is ${score}.`,
    whyTitle: (label) => `Waarop ${label} rust`,
    explaining: "Woord voor woord nagaan…",
    without: (before, words, after) => `Zonder ‘${words}’ zakt de kans van ${before} naar ${after}`,
    alsoWithout: (words, after) => `, zonder ‘${words}’ naar ${after}`,
    noWord: (label) => `Geen enkel woord draagt ${label} in zijn eentje.`,
    word: (word, before, after) => `Zonder ‘${word}’: ${before} wordt ${after}`,
    facts: (read, tokens) => `${read} van ${tokens} tokens gelezen.`,
    whole: (tokens) => `${tokens} tokens, helemaal gelezen.`,
    cut: "Het model heeft niet verder gelezen dan hier; de grijze tekst telt niet mee.",
    times: (answered, explained) => `Antwoord in ${answered}, uitleg in ${explained}.`,
    none: "Deze tekst is leeg.",
    engine: (model, labels, engine, precision, length) =>
      `${model}: ${labels} ${word("labels")}, leest ${length} tokens; ${engine}, ${precision}.`,
    rows: (count) => `${count} rijen`,
    moreRows: (count) => `Nog ${count} tonen`,
    copied: "Gekopieerd.",
    notCopied: "De browser laat kopiëren hier niet toe; de code is nu geselecteerd.",
    noText: "Er is nog geen tekst. Typ of plak een tekst.",
    noColumn: "Kies ten minste één kolom.",
    tooManyRows: (count, most) => `Dit bestand heeft ${count} rijen; de pagina neemt er ${most}. Gebruik hiervoor rubriek classify.`,
    tooLargeFile: (megabytes) => `Het bestand is groter dan ${megabytes} MB. Gebruik hiervoor rubriek classify.`,
    notUtf8: "Het bestand is geen UTF-8. Bewaar het als CSV UTF-8 en probeer het opnieuw.",
    emptyFile: "Het bestand bevat geen rijen.",
    unknownFile: (name) => `${name} is van een soort die de pagina niet leest: CSV, TSV, JSONL of TXT.`,
    openQuote: (line) => `Regel ${line}: een aanhalingsteken wordt niet gesloten.`,
    ragged: (line, found, expected) => `Regel ${line}: ${found} velden, waar de kop er ${expected} heeft.`,
    unclearDelimiter: (sign) => `Het is niet duidelijk wat de kolommen scheidt. Zet bovenaan een regel sep=${sign}`,
    twice: (name) => `De kop noemt de kolom ‘${name}’ twee keer.`,
    notJson: (line) => `Regel ${line} is geen JSON-object.`,
    keyWanted: "Deze dienst vraagt om een sleutel.",
    unreachable: "De dienst is niet te bereiken.",
    failed: (message, hint) => `De dienst zegt: ${message}${hint ? ` (${hint})` : ""}`,
  },
  en: {
    skip: "To the text field",
    settings: "Language and appearance",
    dark: "Dark",
    text: "Text",
    key: "Key of this service",
    keyNote: "Stays in this page and is kept nowhere.",
    textLabel: "Text to classify",
    placeholder: "Paste or type a text.",
    lines: "Each line is a text of its own",
    columns: "Columns that hold the text",
    fileAway: "Remove the file",
    submit: "Classify",
    upload: "Open a file",
    model: "Model",
    dropNote: "Ctrl + Enter works, too. A CSV, TSV, JSONL or TXT file may be dropped on the page.",
    examples: () => word("examples"),
    progress: "Progress",
    stop: "Stop",
    result: "Result",
    nothing: "The answer will appear here, with all probabilities and the words the model went by.",
    division: "Division",
    table: "Texts with their answers",
    textColumn: "Text",
    labelColumn: () => capital(word("label")),
    scoreColumn: "Probability",
    scores: "Probabilities",
    scoresNote: () => `Choose a ${word("label")} to see what speaks for it and against it.`,
    for: "speaks for it",
    against: "speaks against it",
    legend: "Each word was left out in turn; the stronger its colour, the more the result then moves.",
    download: "Save the result",
    code: "Do it yourself, in Python or with curl",
    copyPython: "Copy Python",
    copyCurl: "Copy curl",
    privacy: "Texts go to this service only, and are not kept there.",
    docs: "The HTTP interface",
    characters: (count) => `${count} characters`,
    working: "The model is reading.",
    reading: (done, all) => `${done} of ${all} texts read.`,
    stopped: (done, all) => `Stopped: ${done} of ${all} texts read.`,
    done: (label, score) => `${label}, ${score}.`,
    doneMany: (all, time) => `${all} texts read in ${time}. Choose one to see what the model went by.`,
    waiting: (seconds) => `The service is busy; going on in ${seconds} s.`,
    certain: (score) => `The model gives this answer a probability of ${score}.`,
    noLabel: () => `No ${word("label")}`,
    over: (count, threshold) => `${labels(count)} ${count === 1 ? "reaches" : "reach"} the threshold of ${threshold}.`,
    overOwn: (count) => `${labels(count)} ${count === 1 ? "reaches its own threshold" : "reach their own thresholds"}.`,
    nothingOver: "The model gives no probability that reaches the threshold.",
    moreLabels: (count) => `and ${count} more`,
    doubtful: (score, second, its) => `The model is in doubt: ${score} for this, ${its} for ${second}.`,
    value: (score) => `The value is ${score}.`,
    whyTitle: (label) => `What ${label} rests on`,
    explaining: "Checking word by word…",
    without: (before, words, after) => `Without ‘${words}’ the probability falls from ${before} to ${after}`,
    alsoWithout: (words, after) => `, without ‘${words}’ to ${after}`,
    noWord: (label) => `No single word carries ${label} by itself.`,
    word: (word, before, after) => `Without ‘${word}’: ${before} becomes ${after}`,
    facts: (read, tokens) => `${read} of ${tokens} tokens read.`,
    whole: (tokens) => `${tokens} tokens, all of them read.`,
    cut: "The model read no further than here; the grey text counts for nothing.",
    times: (answered, explained) => `Answered in ${answered}, explained in ${explained}.`,
    none: "This text is empty.",
    engine: (model, labels, engine, precision, length) =>
      `${model}: ${labels} ${word("labels")}, reads ${length} tokens; ${engine}, ${precision}.`,
    rows: (count) => `${count} rows`,
    moreRows: (count) => `Show ${count} more`,
    copied: "Copied.",
    notCopied: "The browser does not allow copying here; the code is selected now.",
    noText: "There is no text yet. Type or paste one.",
    noColumn: "Choose at least one column.",
    tooManyRows: (count, most) => `This file has ${count} rows; the page takes ${most}. Use rubriek classify instead.`,
    tooLargeFile: (megabytes) => `The file is larger than ${megabytes} MB. Use rubriek classify instead.`,
    notUtf8: "The file is not UTF-8. Save it as CSV UTF-8 and try again.",
    emptyFile: "The file holds no rows.",
    unknownFile: (name) => `${name} is of a kind the page does not read: CSV, TSV, JSONL or TXT.`,
    openQuote: (line) => `Line ${line}: a quotation mark is not closed.`,
    ragged: (line, found, expected) => `Line ${line}: ${found} fields where the header has ${expected}.`,
    unclearDelimiter: (sign) => `It is not clear what delimits the columns. Put a line sep=${sign} at the top.`,
    twice: (name) => `The header names the column ‘${name}’ twice.`,
    notJson: (line) => `Line ${line} is no JSON object.`,
    keyWanted: "This service asks for a key.",
    unreachable: "The service cannot be reached.",
    failed: (message, hint) => `The service says: ${message}${hint ? ` (${hint})` : ""}`,
  },
};

let language = "nl";
let words = {}; // of the model's card, by language

const word = (name) => words[language]?.[name] ?? GENERIC[language][name];
const labels = (count) => `${number(count)} ${word(count === 1 ? "label" : "labels")}`;
const capital = (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);

export const current = () => language;

export function initial() {
  const kept = remembered("rubriek-language");
  if (kept in TEXTS) return kept;
  return navigator.languages.some((wanted) => wanted.toLowerCase().startsWith("nl")) ? "nl" : "en";
}

// Speaks a language, of the model's labels in the words of its card.
export function use(wanted, ofModel = {}) {
  language = wanted;
  words = ofModel;
  document.documentElement.lang = wanted;
  for (const [attribute, put] of [
    ["text", (element, text) => { element.textContent = text; }],
    ["label", (element, text) => element.setAttribute("aria-label", text)],
    ["placeholder", (element, text) => element.setAttribute("placeholder", text)],
  ]) {
    for (const element of document.querySelectorAll(`[data-${attribute}]`)) put(element, say(element.dataset[attribute]));
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === wanted));
  }
}

export function say(name, ...values) {
  const text = TEXTS[language][name];
  return typeof text === "function" ? text(...values) : text;
}

export const number = (value) => new Intl.NumberFormat(language).format(value);

// Shares between 0 and 1 are shown in per cent, never as a full 0 or 100 that they are not.
export function percent(share) {
  const digits = share > 0.995 || share < 0.01 ? 1 : 0;
  const shown = Math.min(Math.max(share, share > 0 ? 0.001 : 0), share < 1 ? 0.999 : 1);
  const format = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, format).format(shown);
}

export function duration(milliseconds) {
  const short = milliseconds < 1000;
  const format = { style: "unit", unit: short ? "millisecond" : "second", unitDisplay: "short", maximumFractionDigits: short ? 0 : 1 };
  return new Intl.NumberFormat(language, format).format(short ? Math.max(1, milliseconds) : milliseconds / 1000);
}

export const today = () =>
  new Intl.DateTimeFormat(language === "en" ? "en-GB" : "nl-NL", { dateStyle: "full" }).format(new Date());

// Storage may be switched off; then nothing is remembered, and nothing breaks.
export function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

export function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* as above */ }
}
