// The procedures, as the server's OpenRPC document has them.

import { CallError, ROOT } from "./rpc.js";
import { resolve } from "./schema.js";

/** Fetches the document. */
export async function loadRegistry() {
  let response, document;
  try {
    response = await fetch(new URL("openrpc.json", ROOT), { credentials: "omit" });
    document = await response.json();
  } catch {
    throw CallError.local("UNREACHABLE", "The server's document, openrpc.json, can't be read.");
  }
  if (!response.ok) throw new CallError(document.error ?? { code: 0, message: `openrpc.json: ${response.status}` });
  return new Registry(document);
}

export class Registry {
  constructor(document) {
    this.info = document.info;
    this.components = document.components ?? {};
    const canonical = document.methods.filter((method) => !method["x-canonical-name"]);
    this.procedures = canonical.map((method) => this.#procedure(method));
    this.byName = new Map(this.procedures.map((procedure) => [procedure.name, procedure]));
    for (const procedure of this.procedures) {
      // Of a renamed procedure both names are addresses.
      if (procedure.oldName && !this.byName.has(procedure.oldName)) this.byName.set(procedure.oldName, procedure);
    }
  }

  /** Errors that every call with a token may answer. */
  get commonErrors() {
    const key = (error) => error.code + error.message;
    const sets = this.procedures
      .filter(({ access }) => access !== "public")
      .map(({ errors }) => new Set(errors.map(key)));
    return sets.reduce((common, set) => common.intersection(set), sets[0] ?? new Set());
  }

  /** Procedures by namespace, both in the document's order. */
  get namespaces() {
    return Map.groupBy(this.procedures, (procedure) => procedure.namespace);
  }

  /** The schema of one input field, with what it refers to filled in. */
  field(procedureName, fieldName) {
    const param = this.byName.get(procedureName)?.params.find((param) => param.name === fieldName);
    return param ? resolve(param.schema, this) : null;
  }

  #procedure(method) {
    const name = method.name;
    return {
      name,
      namespace: method.tags?.[0]?.name ?? name.split(".")[0],
      shortName: name.slice(name.indexOf(".") + 1),
      summary: method.summary ?? "",
      description: method.description ?? "",
      kind: method["x-kind"],
      access: method["x-access"],
      bucket: method["x-bucket"],
      oldName: method["x-old-name"] ?? null,
      params: (method.params ?? []).map((param) => resolve(param, this)),
      result: method.result ?? null,
      event: method["x-event"] ?? null,
      errors: (method.errors ?? []).map((error) => resolve(error, this)),
      examples: method.examples ?? [],
    };
  }
}
