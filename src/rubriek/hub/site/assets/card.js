// A card's page: tabs, copying, and the way back to the list as it was.
"use strict";
(() => {
  const said = document.getElementById("said");

  const copied = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* not allowed here: the old way */ }
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };
  for (const button of document.querySelectorAll(".copy")) {
    const label = button.textContent;
    button.setAttribute("aria-label", `Copy ${button.dataset.what}`);
    button.addEventListener("click", async () => {
      const text = button.dataset.text ?? button.parentElement.querySelector("code").textContent;
      const done = await copied(text);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      said.textContent = done ? `${button.dataset.what} copied` : "It cannot be copied here";
      if (!done && !button.dataset.text) getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.focus();
      setTimeout(() => { button.textContent = label; said.textContent = ""; }, 2000);
    });
  }

  for (const [group, box] of document.querySelectorAll(".tabs").entries()) {
    const panels = [...box.querySelectorAll(".tab")];
    const tabs = panels.map((panel, n) => {
      const tab = document.createElement("button");
      Object.assign(tab, { type: "button", role: "tab", id: `tab-${group}-${n}`, textContent: panel.dataset.name });
      tab.setAttribute("aria-controls", panel.id = `panel-${group}-${n}`);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => choose(n));
      return tab;
    });
    const choose = (chosen) => tabs.forEach((tab, n) => {
      tab.setAttribute("aria-selected", String(n === chosen));
      tab.tabIndex = n === chosen ? 0 : -1;
      panels[n].hidden = n !== chosen;
    });
    const row = document.createElement("div");
    row.setAttribute("role", "tablist");
    row.setAttribute("aria-label", box.dataset.label);
    row.append(...tabs);
    row.addEventListener("keydown", (event) => {
      const now = tabs.indexOf(event.target), last = tabs.length - 1;
      const to = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now === 0 ? last : now - 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(to);
      tabs[to].focus();
    });
    box.prepend(row);
    box.classList.add("ready");
    choose(0);
  }

  // What scrolls by itself must be reached by keys.
  const reachable = () => {
    for (const box of document.querySelectorAll("main table, main pre"))
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  };
  addEventListener("resize", reachable);
  reachable();

  try {
    const state = sessionStorage.getItem("rubriek list");
    if (state) document.getElementById("back").hash = state;
  } catch { /* not allowed: the way back starts anew */ }
})();
