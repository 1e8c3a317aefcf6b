// The current call as code for other clients. Each can be run as it is, with a token in the environment variable TOKEN. It never
// contains the token, because people share what they copy.

import { isEmpty, python, typescript } from "./literal.js";
import { ROOT } from "./rpc.js";

const url = (path) => new URL(path, ROOT).href;

/** The clients: `{id, label, run, text(procedure, input)}`; `run` is the command for the code in a file. */
export const LANGUAGES = [
  { id: "curl", label: "curl", run: "sh call.sh", text: curl },
  { id: "trpc", label: "TypeScript, tRPC", run: "npx tsx call.mts", text: trpc },
  { id: "jsonrpc", label: "TypeScript, JSON-RPC", run: "npx tsx call.mts", text: jsonRpc },
  { id: "python", label: "Python", run: "python3 call.py", text: inPython },
];

/** Quotes a text for a POSIX shell. */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Where a subscription is a stream of server-sent events in plain JSON. */
function stream({ name }, input) {
  const query = isEmpty(input) ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`;
  return `${url(`trpc-plain/${name}`)}${query}`;
}

function curl(procedure, input) {
  const token = procedure.access === "public" ? [] : ['-H "Authorization: Bearer $TOKEN"'];
  if (procedure.kind === "subscription") {
    const lines = [`curl -sN ${quote(stream(procedure, input))}`, "-H 'Accept: text/event-stream'", ...token];
    return lines.join(" \\\n  ");
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

const argument = (input) => (isEmpty(input) ? "" : typescript(input));

function trpc(procedure, input) {
  const { name, kind, access, params } = procedure;
  const isLive = kind === "subscription";
  const isPublic = access === "public";
  // tRPC's client with superjson takes Dates.
  const moments = params.filter(({ schema }) => schema.format === "date-time").map((param) => param.name);
  const given = isEmpty(input) ? "" : typescript(input, moments);
  const link = isLive ? "httpSubscriptionLink" : "httpBatchLink";
  const options = [`url: ${JSON.stringify(url("trpc"))},`, "transformer: superjson,"];
  if (isLive)
    options.push("EventSource,", "eventSourceOptions: {", "  fetch: (input, init) =>", `    ${AUTHORIZED},`, "},");
  else if (!isPublic) options.push("headers,");
  const lines = [
    `import { createTRPCClient, ${link} } from "@trpc/client";`,
    isLive ? 'import { EventSource } from "eventsource";' : null,
    'import superjson from "superjson";',
    `// From ${url("app-router.d.ts")}`,
    'import type { AppRouter } from "./app-router.d.ts";',
    "",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the code to show.
    isPublic ? null : "const headers = { authorization: `Bearer ${process.env.TOKEN}` };",
    `const trpc = createTRPCClient<AppRouter>({`,
    "  links: [",
    `    ${link}({`,
    ...options.map((line) => `      ${line}`),
    "    }),",
    "  ],",
    "});",
    "",
  ];
  const head = lines.filter((line) => line !== null).join("\n");
  if (!isLive) {
    const verb = kind === "mutation" ? "mutate" : "query";
    return `${head}\nconst answer = await trpc.${name}.${verb}(${given});\nconsole.log(answer);`;
  }
  return `${head}
trpc.${name}.subscribe(${given || "undefined"}, {
  onData: ({ data }) => console.log(data),
  onError: (error) => console.error(error.message),
});`;
}

const AUTHORIZED = "fetch(input, { ...init, headers: { ...init.headers, ...headers } })";

function jsonRpc({ name, kind, access }, input) {
  const isLive = kind === "subscription";
  const token = access === "public" ? "" : ", token: process.env.TOKEN";
  const socket = isLive ? '\nimport { WebSocket } from "ws"; // Node has one of its own since version 22' : "";
  const head = `import { createClient } from "@clusterdesk/client";${socket}

const client = createClient({ url: ${JSON.stringify(ROOT.href)}${token}${isLive ? ", WebSocket" : ""} });
`;
  if (isLive) {
    return `${head}\nfor await (const event of client.${name}(${argument(input)})) {\n  console.log(event);\n}`;
  }
  return `${head}\nconst answer = await client.${name}(${argument(input)});\nconsole.log(answer);`;
}

function inPython(procedure, input) {
  const { name, kind, access } = procedure;
  const isLive = kind === "subscription";
  const bearer = access === "public" ? [] : [`"Authorization": "Bearer " + os.environ["TOKEN"],`];
  const headers = [isLive ? '"Accept": "text/event-stream",' : '"Content-Type": "application/json",', ...bearer];
  const imports = ["json", bearer.length > 0 ? "os" : null, "urllib.request"].filter(Boolean);
  const head = [
    ...imports.map((module) => `import ${module}`),
    "",
    "headers = {",
    ...headers.map((line) => `    ${line}`),
    "}",
  ];
  if (isLive) {
    return [
      ...head,
      `request = urllib.request.Request(${JSON.stringify(stream(procedure, input))}, headers=headers)`,
      "with urllib.request.urlopen(request) as events:",
      "    for line in events:",
      '        if line.startswith(b"data: {"):',
      "            print(json.loads(line[6:]))",
    ].join("\n");
  }
  const params = isEmpty(input) ? [] : [`    "params": ${python(input, "    ")},`];
  return [
    ...head,
    "message = {",
    '    "jsonrpc": "2.0",',
    '    "id": 1,',
    `    "method": ${JSON.stringify(name)},`,
    ...params,
    "}",
    `request = urllib.request.Request(${JSON.stringify(ROOT.href)}, json.dumps(message).encode(), headers)`,
    "with urllib.request.urlopen(request) as response:",
    "    answer = json.load(response)",
    'if "error" in answer:',
    '    raise SystemExit(answer["error"]["data"]["code"] + ": " + answer["error"]["message"])',
    'print(json.dumps(answer["result"], indent=2))',
  ].join("\n");
}
