// What the page asks of the service. Errors of the service arrive as ServiceError, with its own words.

const TEXTS_AT_ONCE = 32;
const MAX_TRIES = 20;

export class ServiceError extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

let key = "";

export function useKey(given) {
  key = given.trim();
}

async function ask(path, body, { signal, waiting = () => {} } = {}) {
  for (let tries = 1; ; tries += 1) {
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    if (body) headers["Content-Type"] = "application/json";
    const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal };
    const response = await fetch(path, options);
    if (response.ok) return response.json();
    if (response.status === 429 && tries < MAX_TRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      waiting(seconds);
      await pause(seconds * 1000, signal);
      continue;
    }
    const told = await response.json().catch(() => ({}));
    const message = told.error ?? `${response.status} ${response.statusText}`;
    throw new ServiceError(response.status, message, told.hint ?? told.expected);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

export const models = async () => (await ask("v1/models")).models;

export const explain = (model, text, label, options) =>
  ask("v1/explain", { model, text: whole(text), ...(label && { label }) }, options);

// Answers come in parts, in order, so that a long file shows how far it is.
export async function* classify(model, texts, options) {
  for (let start = 0; start < texts.length; start += TEXTS_AT_ONCE) {
    const part = texts.slice(start, start + TEXTS_AT_ONCE).map(whole);
    yield (await ask("v1/classify", { model, texts: part, scores: true }, options)).results;
  }
}

// Half a surrogate pair, which a browser's text may hold, is no Unicode text; it counts as one unknown character.
const whole = (text) => text.toWellFormed?.() ?? text;
