// The procedures, read from the server's OpenRPC document.

import { ClusterdeskError, outcome } from "./client.js";
import { resolve } from "./schema.js";

/**
 * Fetches the document.
 * @throws {ClusterdeskError}
 */
export async function loadRegistry() {
  let response, read;
  try {
    // At the address of the page's preload, which names its version, and in the same way, or it would be loaded twice.
    const { href } = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=preload]"));
    response = await fetch(href, { credentials: "same-origin" });
    read = await response.json();
  } catch {
    throw new ClusterdeskError("NETWORK_ERROR", "The server's OpenRPC document, openrpc.json, could not be read.");
  }
  if (!response.ok) outcome(read, "openrpc.json");
  return new Registry(read);
}

export class Registry {
  constructor(document) {
    this.info = document.info;
    this.components = document.components ?? {};
    const canonical = document.methods.filter((method) => !method["x-canonical-name"]);
    this.procedures = canonical.map((method) => this.#procedure(method));
    this.byName = new Map(this.procedures.map((procedure) => [procedure.name, procedure]));
    for (const procedure of this.procedures) {
      // A renamed procedure is found under its old name as well.
      if (procedure.oldName && !this.byName.has(procedure.oldName)) this.byName.set(procedure.oldName, procedure);
    }
  }

  /** The keys of the errors that every procedure with access control may return. */
  get commonErrors() {
    const key = (error) => error.code + error.message;
    const sets = this.procedures
      .filter(({ access }) => access !== "public")
      .map(({ errors }) => new Set(errors.map(key)));
    return sets.reduce((common, set) => common.intersection(set), sets[0] ?? new Set());
  }

  /** The procedures by namespace, in the document's order. */
  get namespaces() {
    return Map.groupBy(this.procedures, (procedure) => procedure.namespace);
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
      consequence: method["x-consequence"] ?? null,
      oldName: method["x-old-name"] ?? null,
      params: (method.params ?? []).map((param) => resolve(param, this)),
      result: method.result ?? null,
      event: method["x-event"] ?? null,
      errors: (method.errors ?? []).map((error) => resolve(error, this)),
      examples: method.examples ?? [],
    };
  }
}
