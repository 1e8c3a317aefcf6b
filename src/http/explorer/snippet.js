// The current call as code for other clients. It never contains the token, because people share what they copy.

import { prettyJson } from "./json.js";
import { ROOT } from "./rpc.js";

const url = (path) => new URL(path, ROOT).href;

/** The clients: `{id, label, text(procedure, input)}`. */
export const LANGUAGES = [
  { id: "curl", label: "curl", text: curl },
  { id: "trpc", label: "tRPC client", text: trpc },
  { id: "jsonrpc", label: "JSON-RPC client", text: jsonRpc },
];

function isEmpty(input) {
  return input === undefined || (typeof input === "object" && input !== null && Object.keys(input).length === 0);
}

/** Quotes a text for a POSIX shell. */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(procedure, input) {
  const token = procedure.access === "public" ? [] : ['-H "Authorization: Bearer $TOKEN"'];
  if (procedure.kind === "subscription") {
    const query = isEmpty(input) ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`;
    return [
      `curl -sN ${quote(`${url(`trpc-plain/${procedure.name}`)}${query}`)}`,
      "-H 'Accept: text/event-stream'",
      ...token,
    ].join(" \\\n  ");
  }
  const message = { jsonrpc: "2.0", id: 1, method: procedure.name, ...(isEmpty(input) ? {} : { params: input }) };
  const lines = [
    `curl -s ${quote(ROOT.href)}`,
    "-H 'Content-Type: application/json'",
    ...token,
    `-d ${quote(JSON.stringify(message))}`,
  ];
  return lines.join(" \\\n  ");
}

/** A value as a TypeScript literal, without the quotes that keys do not need. */
function literal(input) {
  const text = prettyJson(input).replace(/^(\s*)"([A-Za-z_$][\w$]*)":/gm, "$1$2:");
  const line = text.replace(/\n\s*/g, " ");
  return line.length <= 40 ? line : text;
}

const argument = (input) => (isEmpty(input) ? "" : literal(input));

/** The argument for tRPC's client with superjson, where a timestamp is a Date. */
function datedArgument({ params }, input) {
  const moments = params.filter(({ schema }) => schema.format === "date-time").map(({ name }) => name);
  const field = new RegExp(`(^|\\s)(${moments.join("|")}): ("[^"]*")`, "g");
  return moments.length === 0 ? argument(input) : argument(input).replace(field, "$1$2: new Date($3)");
}

function trpc(procedure, input) {
  const { name, kind } = procedure;
  const verb = { query: "query", mutation: "mutate", subscription: "subscribe" }[kind];
  const [link, auth] =
    kind === "subscription"
      ? ["httpSubscriptionLink", "connectionParams: () => ({ token }),"]
      : // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the code to show.
        ["httpBatchLink", "headers: { authorization: `Bearer ${token}` },"];
  const head = `import { createTRPCClient, ${link} } from "@trpc/client";
import superjson from "superjson";
import type { AppRouter } from "./app-router";

// The types: ${url("app-router.d.ts")}
const client = createTRPCClient<AppRouter>({
  links: [
    ${link}({
      url: "${url("trpc")}",
      transformer: superjson,
      ${auth}
    }),
  ],
});
`;
  if (kind === "subscription") {
    const given = datedArgument(procedure, input) || "{}";
    return `${head}
const subscription = client.${name}.${verb}(${given}, {
  onData: (event) => console.log(event.id, event.data),
  onError: (error) => console.error(error.data?.code, error.message),
});
// subscription.unsubscribe();`;
  }
  return `${head}\nconst answer = await client.${name}.${verb}(${datedArgument(procedure, input)});`;
}

function jsonRpc(procedure, input) {
  const { name, kind } = procedure;
  const head = `import { createClient } from "@clusterdesk/client";

const client = createClient({ url: "${ROOT.href}", token });
`;
  if (kind === "subscription")
    return `${head}\nfor await (const event of client.${name}(${argument(input)})) {\n  console.log(event);\n}`;
  return `${head}\nconst answer = await client.${name}(${argument(input)});`;
}
