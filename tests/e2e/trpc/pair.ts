import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { node } from "./node.ts";

export const TRANSFORMERS = ["superjson", "plain"] as const;
export type Transformer = (typeof TRANSFORMERS)[number];

const server = await Server.start();

/** The URLs of two servers with the same transformer: clusterdesk, and tRPC on Node. */
export async function pair(transformer: Transformer): Promise<{ ours: string; theirs: string }> {
  return {
    ours: `${server.url}/${transformer === "superjson" ? "trpc" : "trpc-plain"}`,
    theirs: await node(transformer),
  };
}

/** Each transformer has its own users. */
export const authorization = (user: string, transformer: Transformer) => ({
  authorization: `Bearer ${token(`${user}-${transformer}`)}`,
});

/** An input as tRPC's client serializes it. */
export function serialized(transformer: Transformer, input: unknown): unknown {
  if (transformer === "plain") return input;
  return input === undefined ? { json: null, meta: { values: ["undefined"], v: 1 } } : { json: input };
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Members whose values differ between the servers. */
const OWN: Record<string, unknown> = { requestId: "…", name: "…", reconnectAfterInactivityMs: 0 };
/** Members that only clusterdesk sends. */
const OURS = /^(issues|retryAfterMs|conflictingId|(cluster\.)?(network|status|updatedAt|deletedAt))$/;

/**
 * A body without the parts that may differ: messages of procedures, timestamps and request ids. Of zodError, the field
 * names stay. `verbose`: clusterdesk sends more issues than Node.
 */
export function normal(value: unknown, verbose = false, key = ""): unknown {
  if (key in OWN) return OWN[key];
  if (typeof value === "string" && TIMESTAMP.test(value)) return "(time)";
  if (typeof value === "number" && key === "id") return "(id)";
  // tRPC's own messages must be the same, except one that Node words differently on sockets.
  if (key === "message")
    return /at path|on path|mix procedure/.test(String(value))
      ? String(value).replace(/No "\w+"-procedure on/, "No procedure found on")
      : "(message)";
  if (key === "zodError" && verbose) return "(issues)";
  if (key === "fieldErrors") return Object.keys(value as object).sort();
  if (key === "formErrors") return (value as unknown[]).length > 0;
  if (Array.isArray(value)) return value.map((item) => normal(item, verbose));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !OURS.test(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, normal(member, verbose, name)]));
}
