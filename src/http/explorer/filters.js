// The filters of a list: they apply as one types, and are part of the URL, so that a list can be linked to.

import { el } from "./dom.js";
import { createForm } from "./form.js";
import { ACTORS, person } from "./names.js";

/** Milliseconds after the last key press. */
const PAUSE = 250;

/**
 * A form for `params`. `choices` are known values by parameter, for those whose type has none. `onChange(isTyped)` is called after a
 * change: at once after a choice, and after a pause while one types.
 */
export function createFilters(registry, { params, noun, query, choices = {}, onChange, onReset }) {
  const given = Object.fromEntries([...query].map(([name, value]) => [name, value === "true" ? true : value]));
  const fields = createForm(
    params.map((param) => chosen(param, choices[param.name], given[param.name])),
    registry,
    { plain: true },
  );
  fields.fill(given);
  const reset = el("button", { type: "button", class: "plain", on: { click: clear } }, "Reset");
  const named = el("p", { class: "help named" });
  const node = el(
    "form",
    { class: "filters", role: "search", "aria-label": `Filter ${noun}`, novalidate: true, autocomplete: "off" },
    fields.node,
    named,
    el("div", { class: "buttons" }, reset, el("button", { type: "submit", hidden: true }, "Apply")),
  );
  node.hidden = fields.isEmpty;
  nameUser();
  let last = key();
  let timer = null;
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    fields.show(fields.read().issues);
    changed(false);
  });
  node.addEventListener("input", ({ target }) => {
    clearTimeout(timer);
    const isTyped = target instanceof HTMLInputElement && target.type !== "checkbox";
    if (isTyped) timer = setTimeout(changed, PAUSE, true);
    else changed(false);
  });

  function changed(isTyped) {
    clearTimeout(timer);
    if (key() === last || fields.read().issues.length > 0) return;
    last = key();
    nameUser();
    onChange(isTyped);
  }

  /** Says whose id is among the filters. */
  function nameUser() {
    const { userId, actorId, entity, entityId } = fields.read().value;
    const id = userId ?? actorId ?? (entity === "user" ? entityId : undefined);
    named.replaceChildren(...(id === undefined || ACTORS.has(id) ? [] : ["User: ", person(id)]));
  }

  function clear() {
    fields.fill({});
    onReset();
    last = "";
    changed(false);
  }

  function key() {
    return JSON.stringify(fields.read().value);
  }

  return {
    node,
    value: () => fields.read().value,
    show: (issues) => fields.show(issues),
    stop: () => clearTimeout(timer),
  };
}

/** The parameter with a list of values, to which one from a link is added. */
function chosen(param, values, given) {
  if (values === undefined) return param;
  const known = given === undefined || values.includes(given) ? values : [...values, given];
  return { ...param, schema: { type: "string", enum: known } };
}
