// Confirmation dialogs.

import { el, showDialog, uniqueId } from "./dom.js";
import { prettyJson } from "./json.js";
import { visibleLines } from "./visible.js";

/**
 * Resolves with true if the user confirms. Cancel has the focus, so that Enter changes nothing. `detail` shows exactly
 * what is acted on.
 */
export async function askToConfirm({ title, text, detail, detailLabel = "Input", action }) {
  const id = uniqueId("confirm");
  const no = el("button", { value: "", autofocus: true }, "Cancel");
  const yes = el("button", { value: "yes", class: "danger" }, action);
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id }, title),
    el("p", { id: `${id}-text` }, text),
    detail ? el("pre", { tabindex: "0", role: "group", "aria-label": detailLabel }, el("code", {}, detail)) : null,
    el("div", { class: "buttons end" }, no, yes),
  );
  const dialog = el("dialog", { role: "alertdialog", "aria-labelledby": id, "aria-describedby": `${id}-text` }, form);
  return (await showDialog(dialog)) === "yes";
}

/** The question before a call that has a consequence. */
export function confirmation({ name, consequence }, input) {
  return {
    title: `Call ${name}?`,
    text: consequence,
    detail: visibleLines(prettyJson(input)),
    action: `Yes, call ${name}`,
  };
}

/** The question before a batch with such calls, `{procedure, input}` each. */
export function batchConfirmation(calls) {
  const effects = new Map(calls.map(({ procedure: { name, consequence } }) => [name, `${name}: ${consequence}`]));
  const lines = calls.map(({ procedure, input }) => `${procedure.name} ${prettyJson(input)}`);
  return {
    title: "Send the batch?",
    text: [...effects.values()].join(" "),
    detail: visibleLines(lines.join("\n")),
    action: "Yes, send",
  };
}
