// The input of a call: as a form, or as JSON, which can also be invalid.

import { el, uniqueId } from "./dom.js";
import { createForm } from "./form.js";
import { prettyJson } from "./json.js";

export function createParams(procedure, registry, onInput) {
  const form = createForm(procedure.params, registry, { onChange: onInput });
  const id = uniqueId("json-params");
  const area = el("textarea", {
    id,
    class: "code",
    rows: "8",
    spellcheck: "false",
    "aria-describedby": `${id}-help ${id}-error`,
  });
  const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
  const help = el("p", { class: "help", id: `${id}-help` }, "Sent unchanged; only the server checks it.");
  const raw = el("div", { class: "field", hidden: true }, el("label", { for: id }, "Input as JSON"), area, help, error);
  const switcher = el("button", { type: "button", class: "plain small", "aria-pressed": "false" }, "Edit as JSON");
  const none = form.isEmpty ? el("p", { class: "help" }, "Takes no input.") : null;
  const formNode = el("div", {}, none, form.node);
  let isRaw = false;
  let lastGood = {};

  area.addEventListener("input", () => {
    mark(null);
    onInput();
  });
  switcher.addEventListener("click", () => {
    if (!isRaw) area.value = prettyJson(form.read().value);
    else form.fill(parsed() ?? {});
    showRaw(!isRaw);
    onInput();
  });

  function showRaw(wanted) {
    isRaw = wanted;
    raw.hidden = !isRaw;
    formNode.hidden = isRaw;
    switcher.setAttribute("aria-pressed", String(isRaw));
    mark(null);
  }

  function parsed() {
    try {
      const value = JSON.parse(area.value || "{}");
      lastGood = value;
      return typeof value === "object" && value !== null ? value : undefined;
    } catch {
      return undefined;
    }
  }

  function mark(message) {
    error.textContent = message ?? "";
    error.hidden = message === null;
    area.toggleAttribute("aria-invalid", message !== null);
    if (message !== null) area.setAttribute("aria-invalid", "true");
  }

  function show(issues) {
    if (!isRaw) return form.show(issues);
    mark(issues.length > 0 ? issues.map(({ path, message }) => `${path} ${message}`.trim()).join("; ") : null);
    if (issues.length > 0) area.focus();
    return [];
  }

  return {
    node: el("div", { class: "params" }, formNode, raw),
    switcher,
    show,
    /** The input, and what is wrong with it. */
    read() {
      if (!isRaw) return form.read();
      const value = parsed();
      return value === undefined
        ? { value: {}, issues: [{ path: "", message: "must be a JSON object" }] }
        : { value, issues: [] };
    },
    /** The input as far as it can be parsed, to display it. */
    value: () => (isRaw ? (parsed() ?? lastGood) : form.read().value),
    /** Shows an input; as JSON if the form can't show all of it. */
    fill(input) {
      form.fill(input);
      area.value = prettyJson(input);
      mark(null);
      if (!isSame(form.read().value, input)) showRaw(true);
      onInput();
    },
  };
}

/** Whether two inputs have the same fields. */
function isSame(one, other) {
  const fields = (input) => JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1)));
  return fields(one) === fields(other);
}
