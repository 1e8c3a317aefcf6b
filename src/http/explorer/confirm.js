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

/** Whether to ask before calling: not every deletion can be undone. */
export function isDeletion({ name, kind }) {
  return kind === "mutation" && /delete/i.test(name);
}

/** The question before a deletion. */
export function confirmation({ name, summary }, input) {
  return {
    title: `Call ${name}?`,
    text: summary,
    detail: visibleLines(prettyJson(input)),
    action: `Yes, call ${name}`,
  };
}
