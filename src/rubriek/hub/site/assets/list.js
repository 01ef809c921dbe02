// The list of cards: search, filters and pages, over window.rubriekCards. The state is in the address after "#".
"use strict";
(() => {
  const ON_A_PAGE = 40;
  const KINDS = ["task", "language", "annotator", "engine"];
  const { values, rows } = window.rubriekCards;
  const at = (id) => document.getElementById(id);
  const text = at("text"), list = at("list"), count = at("count"), pages = at("pages");

  const fold = (s) => (/^[\x00-\x7f]*$/.test(s) ? s : s.normalize("NFD").replace(/\p{M}/gu, "")).toLowerCase();
  const cards = rows.map(([name, title, page, date, tasks, language, annotator, engine, labels]) => ({
    name, title, page, date, has: { task: tasks, language: [language], annotator: [annotator], engine: [engine] },
    head: fold(name), rest: fold(`${title} ${labels} ${tasks.map((n) => values.task[n]).join(" ")}`),
  }));

  const languages = (() => {
    try { return new Intl.DisplayNames(["en"], { type: "language", fallback: "none" }); } catch { return null; }
  })();
  const shown = (kind, value) => {
    if (kind !== "language") return value;
    if (value === "xx") return "Several (xx)";
    try { const name = languages?.of(value); return name ? `${name} (${value})` : value; } catch { return value; }
  };

  // How well a card fits the words; 0 if a word is nowhere in it.
  const score = (card, words) => {
    let sum = 1;
    for (const word of words) {
      const place = card.head.indexOf(word);
      if (place >= 0) sum += place === 0 || /[^\p{L}\p{N}]/u.test(card.head[place - 1]) ? 12 : 8;
      else if (card.rest.includes(word)) sum += 2;
      else return 0;
    }
    return sum;
  };

  const search = (state) => {
    const words = fold(state.text).split(/[\s_]+/).filter(Boolean);
    const wanted = KINDS.filter((kind) => state[kind]).map((kind) => [kind, values[kind].indexOf(state[kind])]);
    const found = [], counts = Object.fromEntries(KINDS.map((kind) => [kind, new Map()]));
    const tally = (kind, card) => {
      for (const n of card.has[kind]) counts[kind].set(n, (counts[kind].get(n) ?? 0) + 1);
    };
    for (const card of cards) {
      const points = score(card, words);
      if (!points) continue;
      const failing = wanted.filter(([kind, n]) => !card.has[kind].includes(n));
      // A filter counts what there would be if it alone were set otherwise.
      if (failing.length === 1) tally(failing[0][0], card);
      if (failing.length) continue;
      for (const kind of KINDS) tally(kind, card);
      found.push([points, card]);
    }
    if (words.length) found.sort((a, b) => b[0] - a[0]);
    return { found: found.map(([, card]) => card), counts };
  };

  const made = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const broken = (name) => name.split("_").flatMap((part, n) => (n ? ["_", made("wbr", {}), part] : [part]));
  const entry = (card) => {
    const facts = KINDS.flatMap((kind) => card.has[kind].map((n) => values[kind][n])).concat(card.date);
    const link = made("a", { href: `cards/${encodeURIComponent(card.page)}.html` }, ...broken(card.name));
    const meta = made("p", { className: "meta" }, ...facts.filter(Boolean).map((f) => made("span", { textContent: f })));
    return made("li", {}, link, ...(card.title ? [made("p", { className: "title", textContent: card.title })] : []), meta);
  };

  const fill = (kind, counts, chosen) => {
    const select = at(kind);
    const options = [...counts].filter(([n]) => values[kind][n]).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    select.replaceChildren(made("option", { value: "", textContent: "All" }));
    for (const [n, many] of options) {
      const value = values[kind][n];
      select.append(made("option", { value, textContent: `${shown(kind, value)} · ${many.toLocaleString("en")}` }));
    }
    if (chosen && select.querySelector(`option[value="${CSS.escape(chosen)}"]`) === null)
      select.append(made("option", { value: chosen, textContent: `${shown(kind, chosen)} · 0` }));
    select.value = chosen;
    select.disabled = options.length === 0 && !chosen;
  };

  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    const state = { text: given.get("text") ?? "", page: Math.max(1, parseInt(given.get("page"), 10) || 1) };
    for (const kind of KINDS) state[kind] = given.get(kind) ?? "";
    return state;
  };
  const write = (state, step) => {
    const given = Object.entries(state).filter(([key, value]) => value && !(key === "page" && value === 1));
    const hash = `#${new URLSearchParams(given)}`;
    history[step ? "pushState" : "replaceState"](null, "", hash === "#" ? location.pathname + location.search : hash);
    try { sessionStorage.setItem("rubriek list", hash); } catch { /* not allowed: the way back starts anew */ }
  };

  let state = read();
  const render = () => {
    const { found, counts } = search(state);
    const last = Math.max(1, Math.ceil(found.length / ON_A_PAGE));
    state.page = Math.min(state.page, last);
    const start = (state.page - 1) * ON_A_PAGE;
    list.start = start + 1;
    list.replaceChildren(...found.slice(start, start + ON_A_PAGE).map(entry));
    const many = (n) => `${n.toLocaleString("en")} model${n === 1 ? "" : "s"}`;
    const all = found.length === cards.length;
    count.textContent = all ? many(cards.length) : `${found.length.toLocaleString("en")} of ${many(cards.length)}`;
    pages.hidden = last === 1;
    at("page").textContent = `Page ${state.page.toLocaleString("en")} of ${last.toLocaleString("en")}`;
    at("previous").disabled = state.page === 1;
    at("next").disabled = state.page === last;
    for (const kind of KINDS) fill(kind, counts[kind], state[kind]);
    const chosen = KINDS.filter((kind) => state[kind]).length;
    at("chosen").textContent = chosen ? `(${chosen})` : "";
    at("clear").hidden = !chosen && !state.text;
    if (document.activeElement !== text) text.value = state.text;
  };
  const change = (changes, step = false) => {
    state = { ...state, page: 1, ...changes };
    write(state, step);
    render();
  };
  const turn = (by) => {
    change({ page: state.page + by }, true);
    scrollTo({ top: 0, behavior: "instant" });
    count.focus({ preventScroll: true });
  };

  text.addEventListener("input", () => change({ text: text.value.trim() }));
  text.form.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of KINDS) at(kind).addEventListener("change", (event) => change({ [kind]: event.target.value }, true));
  at("clear").addEventListener("click", () => {
    text.value = "";
    change({ text: "", task: "", language: "", annotator: "", engine: "" }, true);
    text.focus();
  });
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  addEventListener("popstate", () => { state = read(); text.value = state.text; render(); });

  // "/" goes to the search field, the arrows go through the list, Escape clears the words.
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target.matches("input, select, textarea");
    if (event.key === "/" && !inField) { text.focus(); text.select(); }
    else if (event.key === "Escape" && event.target === text) { text.value = ""; change({ text: "" }); }
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (event.target === text || event.target.closest("#list"))) {
      const links = [...list.querySelectorAll("a")], now = links.indexOf(event.target);
      const next = event.key === "ArrowDown" ? now + 1 : now - 1;
      (next < 0 ? text : links[Math.min(next, links.length - 1)])?.focus();
    } else return;
    event.preventDefault();
  });

  if (matchMedia("(max-width: 46rem)").matches) document.querySelector(".filters details").open = false;
  for (const kind of KINDS) at(kind).disabled = false;
  text.value = state.text;
  write(state, false);
  render();
})();
