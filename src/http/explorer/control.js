// One input field: a control that fits the schema, its description and its error message.

import { el, prose, uniqueId } from "./dom.js";
import { core, help, inputTypeName, options } from "./schema.js";

/**
 * A control for one parameter. `read()` returns `{value}` (undefined if it is empty) or `{problem}`. `fill(value)` sets
 * the value. `show(message)` marks the field as invalid; null marks it as valid. `plain` omits types, limits and help.
 */
export function createControl(param, registry, { plain = false } = {}) {
  const { name, required = false, schema } = param;
  const id = uniqueId(`field-${name}`);
  const schemaOfValue = core(schema, registry);
  const editor = editorFor(schemaOfValue, options(schema, registry), { id, required, plain });
  const text = plain ? "" : help(schema, registry, param.description);
  const helpLine = el("p", { class: "help", id: `${id}-help`, hidden: text === "" }, prose(text));
  const error = el("p", { class: "error", id: `${id}-error`, hidden: true });
  editor.element.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  if (required) editor.element.setAttribute("aria-required", "true");
  const type = plain ? null : [el("span", { class: "type" }, inputTypeName(schema, registry)), presence(required)];
  const label = el("label", { for: id, class: plain ? null : "code" }, plain ? words(name) : name);
  const node = el(
    "div",
    { class: `field ${editor.kind}` },
    el("div", { class: "caption" }, label, type),
    editor.element,
  );
  node.append(helpLine, error);
  return {
    name,
    node,
    element: editor.element,
    read: editor.read,
    fill: editor.fill,
    show(message) {
      error.textContent = message ?? "";
      error.hidden = message === null;
      if (message === null) editor.element.removeAttribute("aria-invalid");
      else editor.element.setAttribute("aria-invalid", "true");
    },
  };
}

/** Whether a field has to be given, in a word. */
export function presence(required) {
  return el("span", { class: required ? "required" : "type" }, required ? "required" : "optional");
}

/** `includeDeleted` → `Include deleted`. */
export function words(name) {
  const text = name.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function editorFor(schema, values, { id, required, plain }) {
  if (values) return choice(id, values, required, plain);
  if (schema.type === "boolean") return plain ? checkbox(id) : choice(id, [true, false], required, plain);
  if (schema.type === "integer" || schema.type === "number") return number(id);
  if (schema.format === "date-time") return moment(id, plain);
  if (schema.type === "string") return text(id);
  return json(id);
}

const TYPED = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" };

function text(id) {
  const element = el("input", { id, type: "text", ...TYPED });
  return {
    kind: "text",
    element,
    read: () => ({ value: element.value === "" ? undefined : element.value }),
    fill: (value) => (element.value = value ?? ""),
  };
}

function number(id) {
  // type=number hides input that is not a number, and changes the value when the user scrolls.
  const element = el("input", { id, type: "text", inputmode: "numeric", ...TYPED });
  const read = () => {
    const typed = element.value.trim();
    if (typed === "") return { value: undefined };
    const value = Number(typed);
    return Number.isFinite(value) ? { value } : { problem: "must be a number" };
  };
  return { kind: "number", element, read, fill: (value) => (element.value = value ?? "") };
}

function choice(id, values, required, plain) {
  const none = plain ? "Any" : required ? "Choose…" : "Not given";
  const element = el("select", { id }, el("option", { value: "" }, none));
  element.append(...values.map((value, index) => el("option", { value: index }, String(value))));
  return {
    kind: "choice",
    element,
    read: () => ({ value: element.value === "" ? undefined : values[Number(element.value)] }),
    fill: (value) => (element.value = values.includes(value) ? values.indexOf(value) : ""),
  };
}

function checkbox(id) {
  const element = el("input", { id, type: "checkbox" });
  return {
    kind: "check",
    element,
    read: () => ({ value: element.checked ? true : undefined }),
    fill: (value) => (element.checked = value === true),
  };
}

function moment(id, plain) {
  const element = el("input", { id, type: "datetime-local", step: plain ? "1" : "0.001" });
  const read = () => {
    if (element.validity.badInput) return { problem: "must be a complete date and time" };
    return { value: element.value === "" ? undefined : new Date(element.value).toISOString() };
  };
  const fill = (value) => {
    const at = new Date(value ?? NaN).getTime();
    // The control's value is local time without a zone.
    element.value = Number.isNaN(at)
      ? ""
      : new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
  };
  return { kind: "moment", element, read, fill };
}

function json(id) {
  const element = el("textarea", { id, rows: "4", class: "code", ...TYPED });
  const read = () => {
    if (element.value.trim() === "") return { value: undefined };
    try {
      return { value: JSON.parse(element.value) };
    } catch {
      return { problem: "must be JSON" };
    }
  };
  return {
    kind: "json",
    element,
    read,
    fill: (value) => (element.value = value === undefined ? "" : JSON.stringify(value, null, 2)),
  };
}
