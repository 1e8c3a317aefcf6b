// Reads JSON Schema (draft 7, as far as the server's document uses it).

/** The schema itself, or the one it refers to by `$ref: "#/…"`. */
export function resolve(schema, registry) {
  let current = schema;
  for (let hops = 0; reference(current) && hops < 20; hops += 1) {
    const segments = reference(current).replace(/^#\//, "").split("/");
    const target = segments[0] === "components" ? segments.slice(1) : segments;
    current = target.reduce(
      (at, segment) => at?.[segment.replace(/~1/g, "/").replace(/~0/g, "~")],
      registry.components,
    );
  }
  return current ?? {};
}

/** The reference of a schema that consists of one; a description beside it does not matter. */
function reference(schema) {
  return schema?.$ref ?? (schema?.allOf?.length === 1 ? schema.allOf[0].$ref : undefined);
}

/** The name of a schema that refers to a component, such as `Cluster`; null for others. */
export function refName(schema) {
  return reference(schema)?.split("/").at(-1) ?? null;
}

/** The members of a union, without null. A schema that is not a union is its own only member. */
export function alternatives(schema, registry) {
  const union = schema.anyOf ?? schema.oneOf;
  if (!union) return [schema];
  return union.filter((part) => resolve(part, registry).type !== "null");
}

export function isNullable(schema, registry) {
  const union = schema.anyOf ?? schema.oneOf ?? [];
  const types = [schema.type].flat();
  return types.includes("null") || union.some((part) => resolve(part, registry).type === "null");
}

/** The schema without null, with references resolved: `string | null` becomes `string`. */
export function core(schema, registry) {
  const own = resolve(schema, registry);
  const parts = alternatives(own, registry);
  const inner = parts.length === 1 && parts[0] !== own ? core(parts[0], registry) : own;
  return { ...inner, type: baseType(inner) };
}

function baseType(schema) {
  const types = [schema.type].flat().filter((type) => type && type !== "null");
  if (types.length === 1) return types[0];
  if (schema.enum?.every((value) => value === null || typeof value === "string")) return "string";
  if (types.length === 0 && schema.properties) return "object";
  return types.length === 0 ? undefined : types;
}

/** The values that a schema allows, if it lists them. */
export function options(schema, registry) {
  const inner = core(schema, registry);
  const constants = inner.oneOf?.map((part) => part.const);
  const values = inner.enum ?? (constants?.every((value) => value !== undefined) ? constants : null);
  return values?.filter((value) => value !== null) ?? null;
}

/** The type as text: `string`, `Cluster[]`, `integer or null`. */
export function typeName(schema, registry) {
  const name = refName(schema);
  if (name) return name;
  const or = isNullable(schema, registry) ? " or null" : "";
  const parts = alternatives(schema, registry);
  if (parts.length > 1 || parts[0] !== schema) return parts.map((part) => typeName(part, registry)).join(" or ") + or;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  const type = baseType(schema);
  if (type === "array") return `${typeName(schema.items ?? {}, registry)}[]${or}`;
  if (type === undefined) return "any value";
  return [type].flat().join(" or ") + or;
}

/** The type of an input as text. That an optional field may also be null is omitted. */
export function inputTypeName(schema, registry) {
  return typeName(schema, registry).replace(/ or null$/, "");
}

/** What a value must be like, in sentences: `1 to 100 characters.` */
export function limits(schema, registry) {
  const own = core(schema, registry);
  const sentences = [];
  const words = described(schema, own);
  if (own.pattern && !words) sentences.push(sentence(own["x-message"] ?? `matches \`${own.pattern}\``));
  const length = range(own.minLength || undefined, own.maxLength);
  if (length) sentences.push(`${length} ${(own.maxLength ?? own.minLength) === 1 ? "character" : "characters"}.`);
  // The largest safe integer of JavaScript is not worth showing.
  const maximum = own.maximum >= Number.MAX_SAFE_INTEGER ? undefined : own.maximum;
  const span = range(own.minimum, maximum);
  if (span) sentences.push(`${span}.`);
  if (own.format === "identifier") sentences.push("Compared exactly, so without spaces at its ends.");
  const values = refName(schema) || schema.anyOf ? options(schema, registry) : null;
  if (values) sentences.push(`One of ${values.join(", ")}.`);
  if (own.default !== undefined && own.default !== null) sentences.push(`${JSON.stringify(own.default)} by default.`);
  return sentences.join(" ");
}

/** The description of a field and its limits, in sentences. */
export function help(schema, registry, description = undefined) {
  const own = core(schema, registry);
  const given = description ?? described(schema, own);
  return [given && ended(given), limits(schema, registry)].filter(Boolean).join(" ");
}

/** The description of a field; that of a named type says nothing about the field. */
function described(schema, own) {
  return schema.description ?? (refName(schema) ? undefined : own.description);
}

/** What follows the path in a message, as a sentence of its own. */
function sentence(text) {
  return ended(text.charAt(0).toUpperCase() + text.slice(1));
}

function ended(text) {
  return /[.!?:]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`;
}

function range(minimum, maximum) {
  if (minimum === undefined && maximum === undefined) return "";
  if (minimum === undefined) return `At most ${maximum}`;
  if (maximum === undefined) return `At least ${minimum}`;
  return minimum === maximum ? `Exactly ${minimum}` : `${minimum} to ${maximum}`;
}
