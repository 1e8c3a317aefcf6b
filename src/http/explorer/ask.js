// Dialogs that ask for a text.

import { el, showDialog, uniqueId } from "./dom.js";

/**
 * Resolves with the text that was entered, without spaces at its ends; null if the dialog was cancelled. `problem(text)` says what
 * is wrong with a text, if anything. `note` is an explanation.
 */
export async function askForText({ title, label, value = "", note = "", action, problem = (_text) => null }) {
  const id = uniqueId("ask");
  const describedBy = `${id}-note ${id}-error`;
  const input = el("input", {
    id,
    type: "text",
    autocomplete: "off",
    autofocus: true,
    "aria-describedby": describedBy,
  });
  const error = el("p", { class: "error", id: `${id}-error`, role: "alert" });
  const cancel = el("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const form = el(
    "form",
    { novalidate: true },
    el("h2", { id: `${id}-title` }, title),
    el(
      "div",
      { class: "field" },
      el("label", { for: id }, label),
      input,
      el("p", { class: "help", id: `${id}-note`, hidden: note === "" }, note),
      error,
    ),
    el("div", { class: "buttons end" }, cancel, el("button", { type: "submit", class: "primary" }, action)),
  );
  const dialog = el("dialog", { "aria-labelledby": `${id}-title` }, form);
  input.value = value;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    const wrong = text === "" ? "Enter a text." : problem(text);
    if (wrong === null) return dialog.close(text);
    error.textContent = wrong;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  });
  return (await showDialog(dialog)) || null;
}
