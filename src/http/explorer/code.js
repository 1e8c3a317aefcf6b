// The panel that shows the current call as code for several clients.

import { copyButton } from "./copy.js";
import { el, uniqueId } from "./dom.js";
import { isShortcut } from "./settings.js";
import { LANGUAGES } from "./snippet.js";

/** Kept when another procedure is shown. */
let chosen = LANGUAGES[0].id;

/** Builds the panel. `input()` returns the current input; call `refresh()` after it has changed, and `stop()` at the end. */
export function createCodePanel(procedure, input) {
  const code = el("code", {});
  const run = el("code", {});
  const panelId = uniqueId("code");
  const panel = el("pre", { id: panelId, role: "tabpanel", tabindex: "0" }, code);
  const tabs = LANGUAGES.map((language) => {
    const on = { click: () => choose(language.id) };
    return el(
      "button",
      { type: "button", role: "tab", id: `${panelId}-${language.id}`, "aria-controls": panelId, on },
      language.label,
    );
  });
  const list = el("div", { role: "tablist", "aria-label": "Language", class: "tabs", on: { keydown: move } }, tabs);
  const current = () => LANGUAGES.find((language) => language.id === chosen);

  function refresh() {
    code.textContent = current().text(procedure, input());
    run.textContent = current().run;
  }

  function choose(id) {
    chosen = id;
    tabs.forEach((tab, index) => {
      const selected = LANGUAGES[index].id === id;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", `${panelId}-${id}`);
    refresh();
  }

  /** Selects a tab by arrow key, as the ARIA Authoring Practices recommend. */
  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = LANGUAGES.findIndex((language) => language.id === chosen) + step;
    const next = (at + LANGUAGES.length) % LANGUAGES.length;
    choose(LANGUAGES[next].id);
    tabs[next].focus();
  }

  choose(chosen);
  const copy = copyButton("code", () => code.textContent, { shortcut: "c" });
  const press = (event) => {
    if (!isShortcut(event, "c")) return;
    event.preventDefault();
    copy.click();
  };
  addEventListener("keydown", press);
  const heading = el("h2", { id: uniqueId("code-heading") }, "Code");
  const head = el("div", { class: "panel-head" }, heading, list, copy);
  const token = [
    "The token is not in it, so that you can share it: set the environment variable ",
    el("code", {}, "TOKEN"),
    ". ",
  ];
  const note = el(
    "p",
    { class: "help" },
    "In a file, run it with ",
    run,
    ". ",
    procedure.access === "public" ? null : token,
    el("kbd", {}, "c"),
    " copies it.",
  );
  const node = el("section", { class: "panel code-panel", "aria-labelledby": heading.id }, head, panel, note);
  return { node, refresh, stop: () => removeEventListener("keydown", press) };
}
