// "Are you sure?"

import { el, showDialog, uniqueId } from "./dom.js";

/** Asks, and resolves with true for yes. The focus is on no, so that Enter does no harm. */
export async function askToConfirm({ title, text, detail, action }) {
  const id = uniqueId("confirm");
  const no = el("button", { value: "", autofocus: true }, "Cancel");
  const yes = el("button", { value: "yes", class: "danger" }, action);
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id }, title),
    el("p", { id: `${id}-text` }, text),
    detail ? el("pre", { tabindex: "0", role: "group", "aria-label": "Input" }, el("code", {}, detail)) : null,
    el("div", { class: "buttons end" }, no, yes),
  );
  const dialog = el("dialog", { role: "alertdialog", "aria-labelledby": id, "aria-describedby": `${id}-text` }, form);
  return (await showDialog(dialog)) === "yes";
}
