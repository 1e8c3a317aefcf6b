// Checks an input before it is sent, with the server's messages. The server checks it again.

import { core, isNullable, options } from "./schema.js";

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/** The problems of `input`, an object of field values, as `{path, message}`, like an error's `data.issues`. */
export function check(params, input, registry) {
  const issues = [];
  for (const { name, required, schema } of params) {
    const value = input[name];
    if (value === undefined) {
      if (required) issues.push({ path: name, message: "is required" });
    } else {
      const message = problem(schema, value, registry);
      if (message) issues.push({ path: name, message });
    }
  }
  return issues;
}

/** The problem of one value; null if there is none. */
function problem(schema, value, registry) {
  if (value === null && isNullable(schema, registry)) return null;
  const own = core(schema, registry);
  const values = options(schema, registry);
  if (values) return values.includes(value) ? null : `must be one of ${values.join(", ")}`;
  if (own.type === undefined || Array.isArray(own.type)) return null;
  if (!hasType(own.type, value)) return `must be of type ${own.type}`;
  if (typeof value === "string") return textProblem(own, value.trim());
  if (typeof value === "number") return numberProblem(own, value);
  return null;
}

function hasType(type, value) {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

function textProblem(schema, text) {
  // JSON Schema counts Unicode characters, not UTF-16 units.
  const { length } = [...text];
  if (length < (schema.minLength ?? 0)) {
    return schema.minLength === 1 ? "must not be empty" : `must have at least ${schema.minLength} characters`;
  }
  if (length > (schema.maxLength ?? Infinity)) return `must have at most ${schema.maxLength} characters`;
  if (schema.pattern && !new RegExp(schema.pattern, "u").test(text)) {
    return schema["x-message"] ?? `must match ${schema.pattern}`;
  }
  if (schema.format === "date-time" && !MOMENT.test(text)) return "must be a date-time (RFC 3339)";
  return null;
}

function numberProblem(schema, number) {
  if (number < (schema.minimum ?? -Infinity)) return `must be at least ${schema.minimum}`;
  if (number > (schema.maximum ?? Infinity)) return `must be at most ${schema.maximum}`;
  return null;
}
