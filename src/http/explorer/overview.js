// The start page: the server's name and version, its addresses and its procedures.

import { badge } from "./badge.js";
import { copyButton } from "./copy.js";
import { el, prose, uniqueId } from "./dom.js";
import { ROOT } from "./rpc.js";

export function showOverview(main, registry) {
  const { info } = registry;
  const head = el(
    "header",
    { class: "page-head" },
    el("h1", { tabindex: "-1" }, `${info.title} ${info.version}`),
    el("p", { class: "lead" }, prose(info.description ?? "")),
  );
  const sections = [...registry.namespaces].map(([namespace, procedures]) => section(namespace, procedures));
  main.replaceChildren(head, addresses(), ...sections);
  return () => {};
}

function addresses() {
  const socket = new URL(ROOT);
  socket.protocol = socket.protocol.replace("http", "ws");
  const rows = [
    ["JSON-RPC 2.0", "POST", ROOT.href],
    ["JSON-RPC 2.0 and live events", "WebSocket", socket.href],
    ["tRPC with superjson", "GET, POST, SSE, WebSocket", new URL("trpc", ROOT).href],
    ["tRPC with plain JSON", "GET, POST, SSE, WebSocket", new URL("trpc-plain", ROOT).href],
  ];
  const items = rows.map(([name, how, address]) =>
    el(
      "li",
      {},
      el(
        "div",
        { class: "row" },
        el("span", {}, name),
        el("span", { class: "type" }, how),
        el(
          "span",
          { class: "address" },
          el("code", {}, address),
          copyButton(`address of ${name}`, () => address),
        ),
      ),
    ),
  );
  const documents = [
    ["openrpc.json", "the procedures as OpenRPC"],
    ["app-router.d.ts", "their types for the tRPC client"],
    ["health/ready", "whether the server is ready"],
    ["metrics", "metrics for Prometheus"],
  ];
  const links = documents.map(([path, what]) =>
    el("li", {}, el("a", { href: new URL(path, ROOT).href }, path), ` ${what}`),
  );
  const id = uniqueId("addresses");
  return el(
    "section",
    { "aria-labelledby": id, class: "panel" },
    el("h2", { id }, "Addresses"),
    el("ul", { class: "shape" }, items),
    el("ul", { class: "inline" }, links),
  );
}

function section(namespace, procedures) {
  const id = uniqueId(namespace);
  const item = ({ name, summary, kind, access }) =>
    el(
      "li",
      {},
      el("a", { href: `#/${name}`, class: "code" }, name),
      el("span", { class: "help" }, prose(summary)),
      el("span", { class: "badges" }, ["service", "admin"].includes(access) ? badge(access) : null, badge(kind)),
    );
  return el(
    "section",
    { "aria-labelledby": id, class: "namespace" },
    el("h2", { id }, namespace),
    el("ul", { class: "procedures" }, procedures.map(item)),
  );
}
