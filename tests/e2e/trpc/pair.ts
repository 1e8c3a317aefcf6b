import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { node } from "./node.ts";

export const DIALECTS = ["superjson", "plain"] as const;
export type Dialect = (typeof DIALECTS)[number];

const server = await Server.start();

/** The same dialect twice: ours, and a real tRPC server on Node. Addresses without a slash at the end. */
export async function pair(dialect: Dialect): Promise<{ ours: string; theirs: string }> {
  return { ours: `${server.url}/${dialect === "superjson" ? "trpc" : "trpc-plain"}`, theirs: await node(dialect) };
}

/** A user of their own for each dialect. */
export const authorization = (user: string, dialect: Dialect) => ({
  authorization: `Bearer ${token(`${user}-${dialect}`)}`,
});

/** As the client serializes an input. */
export function serialized(dialect: Dialect, input: unknown): unknown {
  if (dialect === "plain") return input;
  return input === undefined ? { json: null, meta: { values: ["undefined"], v: 1 } } : { json: input };
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Members whose values are each server's own. */
const OWN: Record<string, unknown> = { requestId: "…", name: "…", reconnectAfterInactivityMs: 0 };
/** Members that only we have. */
const OURS = /^(issues|retryAfterMs|conflictingId|(cluster\.)?(network|status|updatedAt|deletedAt))$/;

/** A body without what each server words in its own way: sentences of procedures, timestamps, request ids; of zodError the names of the fields stay. */
export function normal(value: unknown, wordy = false, key = ""): unknown {
  if (key in OWN) return OWN[key];
  if (typeof value === "string" && TIMESTAMP.test(value)) return "(time)";
  if (typeof value === "number" && key === "id") return "(id)";
  // Sentences of tRPC itself have to be the same. (On sockets, Node words one of them differently.)
  if (key === "message")
    return /at path|on path|mix procedure/.test(String(value))
      ? String(value).replace(/No "\w+"-procedure on/, "No procedure found on")
      : "(sentence)";
  if (key === "zodError" && wordy) return "(issues)";
  if (key === "fieldErrors") return Object.keys(value as object).sort();
  if (key === "formErrors") return (value as unknown[]).length > 0;
  if (Array.isArray(value)) return value.map((item) => normal(item, wordy));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !OURS.test(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, normal(member, wordy, name)]));
}
