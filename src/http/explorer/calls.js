// The view of the calls that are kept in this browser: those with a name, the history, and the settings.

import { askAndSave } from "./call-actions.js";
import { announce, el, uniqueId } from "./dom.js";
import { clearHistory, history, removeFromHistory, removeSaved, saved } from "./kept.js";
import { fragment } from "./link.js";
import { moment } from "./moment.js";
import { changeSettings, settings } from "./settings.js";
import { store } from "./store.js";

const LEAD =
  "Calls are kept in this browser: the procedure, the input and the time, never a token or an answer. Anyone who uses this browser can read them.";

/** Shows the view in `main`. Returns a function that stops it. */
export function showCalls(main) {
  const id = uniqueId("search-calls");
  const search = el("input", { id, type: "search", autocomplete: "off", spellcheck: "false" });
  const found = el("p", { class: "visually-hidden", role: "status", "aria-label": "Found" });
  const named = el("section", {});
  const made = el("section", {});
  main.replaceChildren(
    el("header", { class: "page-head" }, el("h1", { tabindex: "-1" }, "Saved calls"), el("p", { class: "lead" }, LEAD)),
    el("search", { class: "field" }, el("label", { for: id }, "Search by name, procedure or input"), search, found),
    named,
    made,
    settingsPanel(show),
  );
  search.addEventListener("input", () => {
    show();
    found.textContent = `${matching(saved()).length} saved, ${matching(history()).length} in the history`;
  });
  const stopListening = store.onChange(show);
  show();
  return stopListening;

  function matching(calls) {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = ({ name = "", method, input }) => `${name} ${method} ${JSON.stringify(input)}`.toLowerCase();
    return calls.filter((call) => words.every((word) => text(call).includes(word)));
  }

  function show() {
    showSection(
      named,
      "Saved",
      saved(),
      "No saved calls. A procedure's form has a button to save its call.",
      savedItem,
    );
    const nothing = settings().keepsHistory ? "No calls yet." : "The history is switched off.";
    showSection(made, "History", history(), nothing, madeItem, clearButton());
  }

  function showSection(section, title, all, nothing, item, action = null) {
    const heading = el("h2", { id: uniqueId("calls"), tabindex: "-1" }, title);
    const calls = matching(all);
    const text = all.length === 0 ? nothing : "No matches.";
    section.setAttribute("aria-labelledby", heading.id);
    section.replaceChildren(
      el("div", { class: "panel-head" }, heading, all.length > 0 ? action : null),
      calls.length === 0
        ? el("p", { class: "help" }, text)
        : el("ul", { class: "shape", "aria-labelledby": heading.id }, calls.map(item)),
    );
  }

  function savedItem(call) {
    const remove = () => changed(removeSaved(call.name), `Removed ${call.name}`, named);
    return item(call, call.name, [button("Remove", call.name, remove)]);
  }

  function madeItem(call) {
    const label = `${call.method} ${JSON.stringify(call.input)}`;
    const remove = () => changed(removeFromHistory(call), `Removed ${call.method}`, made);
    const keep = async () => (await askAndSave(call.method, call.input)) && show();
    return item(call, call.method, [button("Save…", label, keep), button("Remove", label, remove)]);
  }

  function clearButton() {
    const clear = () => changed(clearHistory(), "The history is empty", made);
    return el("button", { type: "button", class: "small", on: { click: clear } }, "Clear the history");
  }

  /** Shows what is left, and moves the focus to the heading of the section, because the button is gone. */
  function changed(isDone, text, section) {
    show();
    announce(isDone ? text : "This browser could not change it.");
    section.querySelector("h2").focus();
  }
}

function item({ method, input, time }, text, buttons) {
  return el(
    "li",
    { class: "entry" },
    el("a", { href: fragment(method, input), class: text === method ? "code fit" : "fit", title: text }, text),
    text === method ? null : el("code", { class: "help" }, method),
    el("code", { class: "help preview" }, JSON.stringify(input)),
    el("span", { class: "help" }, moment(time)),
    el("span", { class: "actions" }, buttons),
  );
}

function button(text, label, click) {
  return el("button", { type: "button", class: "small", "aria-label": `${text} ${label}`, on: { click } }, text);
}

/** `changed` is called after a change. */
function settingsPanel(changed) {
  const heading = el("h2", { id: uniqueId("settings") }, "Settings");
  const option = (name, label, note, onChange = (_isOn) => {}) => {
    const id = uniqueId(name);
    const box = el("input", { id, type: "checkbox", "aria-describedby": `${id}-note` });
    box.checked = settings()[name];
    box.addEventListener("change", () => {
      changeSettings({ [name]: box.checked });
      onChange(box.checked);
      changed();
    });
    const help = el("p", { class: "help", id: `${id}-note` }, note);
    return el("div", { class: "option" }, box, el("label", { for: id }, label), help);
  };
  return el(
    "section",
    { class: "panel", "aria-labelledby": heading.id },
    heading,
    option("keepsHistory", "Keep a history", "Switching it off empties it.", (isOn) => {
      if (!isOn) clearHistory();
    }),
    option("hasShortcuts", "Shortcuts of one key", "/ searches the procedures, and c copies the code of a call."),
  );
}
