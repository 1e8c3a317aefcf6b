// A table of a list: filters derived from the input schema, and pages by cursor if the procedure has one.

import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { createForm } from "./form.js";
import { call } from "./rpc.js";

/** Parameters that are not filters. */
const PAGING = new Set(["cursor", "limit"]);
const LIMIT = 20;
/** When new items have made the first page this long, it is loaded again. */
const KEPT = 200;

/**
 * Shows the items of `procedureName` in `node`. `columns` are `{title, cell(item, list)}`; `noun` names the items. The filters, unless
 * it is not `filtered`, are part of the URL, `place`, so that a list can be linked to. Returns the list:
 * `reload()`, `showNotice(content)`, and `add(item)` for a new item that matches the filters.
 */
export function showList(node, registry, { procedureName, place, noun, columns, query, filtered = true }) {
  const all = registry.byName.get(procedureName)?.params ?? [];
  const isPaged = all.some((param) => PAGING.has(param.name));
  const params = filtered ? all.filter((param) => !PAGING.has(param.name)) : [];
  const filters = createForm(params, registry, { plain: true });
  const given = Object.fromEntries([...query].map(([name, value]) => [name, value === "true" ? true : value]));
  filters.fill(given);
  const notice = el("div", { role: "status", class: "list-notice", tabindex: "-1" });
  const id = uniqueId("list");
  const body = el("tbody", { role: "rowgroup" });
  const heads = columns.map(({ title }) => el("th", { scope: "col", role: "columnheader" }, title));
  const table = el(
    "table",
    { role: "table", "aria-label": noun, id },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
    body,
  );
  const state = el("div", { class: "list-state" });
  const where = el("span", { class: "help" });
  const previous = el("button", { type: "button", on: { click: () => turn(-1) } }, "Previous");
  const next = el("button", { type: "button", on: { click: () => turn(1) } }, "Next");
  const pager = el("nav", { class: "pager", "aria-label": "Pages" }, previous, where, next);
  const apply = el(
    "div",
    { class: "buttons" },
    el("button", { type: "submit", class: "primary" }, "Apply"),
    el("a", { class: "button", href: `#/${place}`, on: { click: () => filters.fill({}) } }, "Reset"),
  );
  const form = el(
    "form",
    { class: "filters", role: "search", "aria-label": `Filter ${noun}`, novalidate: true, autocomplete: "off" },
    filters.node,
    apply,
  );
  form.hidden = filters.isEmpty;
  node.replaceChildren(form, notice, el("div", { class: "table" }, table), state, pager);
  /** The ids of the items in the table; null if there is no page to add to. */
  let shown = null;
  /** The items that were added during a load, which may have missed them. */
  const early = [];
  /** The cursors of the pages up to the current one; undefined for the first page. */
  const cursors = [undefined];
  let nextCursor = null;
  let loads = 0;
  const list = { reload: load, showNotice, add };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value, issues } = filters.read();
    filters.show(issues);
    if (issues.length > 0) return;
    const target = new URLSearchParams(Object.entries(value).map(([name, one]) => [name, String(one)])).toString();
    const hash = `#/${place}${target ? `?${target}` : ""}`;
    if (hash === location.hash) load();
    else location.hash = hash;
  });

  async function turn(step) {
    if (step > 0) cursors.push(nextCursor);
    else cursors.pop();
    await load();
    where.scrollIntoView({ block: "nearest" });
  }

  async function load() {
    loads += 1;
    const load = loads;
    table.setAttribute("aria-busy", "true");
    state.replaceChildren(body.children.length === 0 ? el("p", { class: "loading" }, "Loading…") : "");
    try {
      const page = isPaged ? { limit: LIMIT, cursor: cursors.at(-1) } : {};
      const { result } = await call(procedureName, { ...filters.read().value, ...page });
      if (isCurrent(load)) fill(isPaged ? result : { items: result, nextCursor: null });
    } catch (error) {
      if (isCurrent(load)) fail(error);
    }
    if (load !== loads) return;
    table.removeAttribute("aria-busy");
    for (const item of early.splice(0)) add(item);
  }

  /** Whether this load is still the latest one, and the table still shown. */
  function isCurrent(load) {
    return load === loads && node.isConnected;
  }

  function fill({ items, nextCursor: following }) {
    nextCursor = following;
    body.replaceChildren(...items.map((item) => row(item)));
    shown = new Set(items.map(({ id }) => id));
    table.hidden = items.length === 0;
    state.replaceChildren(items.length === 0 ? el("p", { class: "empty" }, `No ${noun.toLowerCase()} match.`) : "");
    show(`Page ${cursors.length}`);
    announce(`Page ${cursors.length}, ${items.length} ${noun.toLowerCase()}`);
  }

  function fail(error) {
    const others = filters.show(error.issues ?? []);
    body.replaceChildren();
    shown = null;
    table.hidden = true;
    nextCursor = null;
    state.replaceChildren(failureBox(error, { issues: others, retry: load }));
    show("");
    announce(failureSentence(error));
  }

  function show(text) {
    where.textContent = text;
    previous.disabled = cursors.length === 1;
    next.disabled = nextCursor === null;
    pager.hidden = cursors.length === 1 && nextCursor === null;
  }

  function row(item) {
    return el(
      "tr",
      { role: "row" },
      columns.map(({ title, cell }) =>
        el("td", { role: "cell", "data-label": title }, el("div", {}, cell(item, list))),
      ),
    );
  }

  /** Shows a new item at the top of the first page. Other pages do not change: the first one is loaded on the way back. */
  function add(item) {
    if (table.hasAttribute("aria-busy")) {
      early.push(item);
    } else if (cursors.length > 1 || shown === null || shown.has(item.id)) {
      return;
    } else if (shown.size >= KEPT) {
      load();
    } else {
      shown.add(item.id);
      body.prepend(row(item));
      table.hidden = false;
      state.replaceChildren();
    }
  }

  /** Shows the outcome of an action above the table. It gets the focus, because reloading removes the button. */
  function showNotice(content) {
    notice.replaceChildren(content);
    notice.focus();
  }

  show("");
  load();
  return list;
}
