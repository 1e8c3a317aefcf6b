// Shows a schema as a list of fields. Nested types can be expanded.

import { presence } from "./control.js";
import { el, prose } from "./dom.js";
import { alternatives, core, help, inputTypeName, limits, refName, resolve, typeName } from "./schema.js";

/** Describes a schema. `seen` are the named types that contain it, because a type may contain itself. */
export function describeShape(schema, registry, seen = [], nameType = typeName) {
  const inner = inside(schema, registry);
  const own = core(inner, registry);
  const union = own.anyOf ?? own.oneOf;
  if (union?.some((part) => resolve(part, registry).properties)) {
    return el(
      "div",
      {},
      alternatives(own, registry).map((part) => variant(part, registry, seen)),
    );
  }
  if (!own.properties) return el("p", { class: "help" }, words(schema, registry));
  return fieldList(own, registry, [...seen, refName(inner)], nameType);
}

/** The item type of an array, or the schema itself; without null. */
function inside(schema, registry) {
  const parts = alternatives(resolve(schema, registry), registry);
  const only = parts.length === 1 ? parts[0] : schema;
  const own = core(only, registry);
  if (own.type === "array") return inside(own.items ?? {}, registry);
  return refName(schema) ? schema : only;
}

function words(schema, registry) {
  return [typeName(schema, registry), limits(schema, registry)].filter(Boolean).join(". ");
}

/** One member of a union, named by its discriminator. */
function variant(part, registry, seen) {
  const own = core(part, registry);
  const tag = own.properties?.type;
  const name = tag ? (tag.enum ?? [tag.const]).join(" or ") : (refName(part) ?? own.title ?? typeName(part, registry));
  const summary = el(
    "summary",
    {},
    el("code", {}, name),
    own.description ? el("span", { class: "note" }, " ", prose(own.description)) : null,
  );
  return el("details", { class: "variant" }, summary, describeShape(part, registry, seen));
}

function fieldList(schema, registry, seen, nameType) {
  const required = new Set(schema.required ?? []);
  const isInput = nameType === inputTypeName;
  const rows = Object.entries(schema.properties).map(([name, property]) => {
    const note = help(property, registry);
    const head = [
      el("code", { class: "name" }, name),
      el("span", { class: "type" }, nameType(property, registry)),
      // An output has nearly all of its fields, so only the others are marked.
      isInput || !required.has(name) ? presence(required.has(name)) : null,
    ];
    const text = note ? el("span", { class: "note" }, prose(note)) : null;
    const item = inside(property, registry);
    const nested = core(item, registry);
    const opens = (nested.properties || nested.oneOf || nested.anyOf) && !seen.includes(refName(item) ?? "");
    if (!opens) return el("li", {}, el("div", { class: "row" }, head, text));
    return el(
      "li",
      {},
      el("details", {}, el("summary", { class: "row" }, head, text), describeShape(property, registry, seen)),
    );
  });
  return rows.length > 0 ? el("ul", { class: "shape" }, rows) : el("p", { class: "help" }, "No fields.");
}
