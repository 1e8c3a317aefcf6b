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

export const authorization = (user: string) => ({ authorization: `Bearer ${token(user)}` });

/** As the client serializes an input. */
export function serialized(dialect: Dialect, input: unknown): unknown {
  if (dialect === "plain") return input;
  return input === undefined ? { json: null, meta: { values: ["undefined"], v: 1 } } : { json: input };
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Members whose values are each server's own. */
const OWN: Record<string, unknown> = { requestId: "…", greeting: "hello …", reconnectAfterInactivityMs: 0 };
/** Members that only we have. */
const OURS = new Set(["issues", "retryAfterMs", "conflictingId", "network", "status", "updatedAt", "deletedAt", "v"]);

/**
 * A body without what each server words in its own way: sentences of procedures, timestamps, request ids. Of zodError the fields that are wrong stay.
 * Sentences of tRPC itself, which name the path, have to be the same.
 */
export function normal(value: unknown, key = ""): unknown {
  if (key in OWN) return OWN[key];
  if (typeof value === "string" && TIMESTAMP.test(value)) return "(time)";
  if (key === "message") return /at path|on path|mix procedure|batch call|must be batched/.test(String(value)) ? value : "(sentence)";
  if (key === "fieldErrors") return Object.keys(value as object).sort();
  if (key === "formErrors") return (value as unknown[]).length > 0;
  if (Array.isArray(value)) return value.map((item) => normal(item));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !OURS.has(name) && !/^cluster\.(updatedAt|deletedAt)$/.test(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, normal(member, name)]));
}
