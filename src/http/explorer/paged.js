// A table of a page about a thing: its rows come page by page, below those that are there. A row stays the same element while its item
// stays the same, so that it keeps the focus and stays open.

import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { arrange, keepFocus } from "./focus.js";
import { call } from "./rpc.js";
import { head } from "./table.js";

/** Rows of the first page, and of those that follow. */
const FIRST = 10;
const MORE = 50;
/** The most rows that are read at a time. */
const MOST = 100;

/**
 * A table of what `procedure` lists for `input`. `columns` are `{title, cell(item, {isCurrent(item)}), sort}`; those with `sort` say
 * and change the order, newest first at the beginning. `noun` names the items, and `empty` is said if there are none. A list that is not paged is shown
 * whole. Returns `{node, refresh()}`.
 */
export function pagedTable({ procedure, input, noun, columns, empty, isPaged = true }) {
  const body = el("tbody", { role: "rowgroup" });
  const heads = columns.map((column) => head(column, sortBy));
  let order = columns.some(({ sort }) => sort !== undefined) ? { order: "desc" } : {};
  const table = el(
    "table",
    { role: "table", "aria-label": noun, hidden: true },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads.map((one) => one.node))),
    body,
  );
  const state = el("div", { class: "list-state" }, el("p", { class: "loading" }, "Loading…"));
  const more = el("button", { type: "button", hidden: true, on: { click: next } }, `More ${noun.toLowerCase()}`);
  /** By the texts of their items. */
  let rows = new Map();
  let cursor;
  let loads = 0;
  let isGrowing = false;
  /** Whether there is a reason to read the shown rows again. */
  let isOutdated = false;
  showOrder();
  refresh();
  return { node: el("div", { class: "paged" }, el("div", { class: "table" }, table), state, more), refresh };

  async function sortBy(_column, direction) {
    order = { order: direction };
    showOrder();
    // What followed in the other order does not follow now.
    cursor = undefined;
    more.hidden = true;
    isOutdated = true;
    table.setAttribute("aria-busy", "true");
    await renew();
    table.removeAttribute("aria-busy");
    announce(`${noun}, ${direction === "asc" ? "oldest" : "newest"} first`);
  }

  function showOrder() {
    for (const [index, one] of heads.entries()) one.show(columns[index].sort, order.order);
  }

  /** Reads the rows that are shown once more; after those that somebody waits for, which would be lost otherwise. */
  async function refresh() {
    isOutdated = true;
    if (!isGrowing) await renew();
  }

  function renew() {
    const number = Math.max(FIRST, body.children.length);
    return load(
      () => read(number),
      renew,
      (items) => {
        isOutdated = false;
        const known = rows;
        rows = new Map(items.map(([text, item]) => [text, known.get(text) ?? row(item)]));
        keepFocus(body, () => arrange(body, [...rows.values()]));
      },
    );
  }

  async function next() {
    if (isGrowing || cursor === undefined) return;
    isGrowing = true;
    await load(
      () => read(MORE, cursor),
      next,
      (items) => {
        const added = items.map(([text, item]) => [text, row(item)]);
        rows = new Map([...rows, ...added]);
        arrange(body, [...rows.values()]);
        announce(`${added.length} more ${noun.toLowerCase()}`);
        // The button vanishes on the last page, and with it the focus, which goes on to the rows that were asked for.
        if (cursor === undefined && document.activeElement === more) focusOn(added[0]?.[1]);
      },
    );
    isGrowing = false;
    if (isOutdated) await renew();
  }

  /** Reads so many items, from a cursor on, and where the others begin. */
  async function read(number, from) {
    if (!isPaged) return { items: (await call(procedure, input)).result, nextCursor: null };
    const sorted = { ...input, ...order };
    let items = [];
    let nextCursor = from;
    do {
      const limit = Math.min(MOST, number - items.length);
      const { result } = await call(procedure, { ...sorted, limit, cursor: nextCursor });
      items = [...items, ...result.items];
      nextCursor = result.nextCursor ?? undefined;
    } while (nextCursor !== undefined && items.length < number);
    return { items, nextCursor };
  }

  /** Shows what is read, unless something else is being read meanwhile. `again` is what "Try again" does. */
  async function load(reading, again, show) {
    loads += 1;
    const own = loads;
    more.setAttribute("aria-disabled", "true");
    try {
      const { items, nextCursor } = await reading();
      if (own !== loads) return;
      cursor = nextCursor ?? undefined;
      show(items.map((item) => [JSON.stringify(item), item]));
      table.hidden = body.children.length === 0;
      state.replaceChildren(table.hidden ? el("p", { class: "help" }, empty) : "");
      more.hidden = cursor === undefined;
    } catch (error) {
      if (own !== loads) return;
      state.replaceChildren(failureBox(error, { retry: () => again() }));
      announce(failureSentence(error));
    }
    more.removeAttribute("aria-disabled");
  }

  /** Whether an item is shown as it is. */
  function isCurrent(item) {
    return rows.has(JSON.stringify(item));
  }

  function row(item) {
    return el(
      "tr",
      { role: "row" },
      columns.map(({ title, cell }) =>
        el("td", { role: "cell", "data-label": title }, el("div", {}, cell(item, { isCurrent }))),
      ),
    );
  }
}

function focusOn(row) {
  row?.setAttribute("tabindex", "-1");
  row?.focus();
}
