// A list: filters derived from the input schema, a table that can be sorted, pages by cursor if the procedure has one, and CSV.

import { announce, el } from "./dom.js";
import { takeEarly } from "./early.js";
import { createExport } from "./export.js";
import { failureBox, failureSentence } from "./failure.js";
import { createFilters } from "./filters.js";
import { createGathering } from "./gather.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { createTable } from "./table.js";

/** Parameters that are not filters. */
const OTHERS = new Set(["cursor", "limit", "order", "sort", "total"]);
const LIMIT = 20;
/** Rows of a page of an export. */
const EXPORTED = 100;
/** When new items have made the first page this long, it is loaded again. */
const KEPT = 200;

const number = new Intl.NumberFormat();

/**
 * Shows the items of `procedureName` in `node`. `columns` are `{title, cell(item, list)}`; with `sort`, the value of the parameter
 * `sort` or the default order's name, the list can be sorted by them, `first` in this direction; with `fields`,
 * `{title: value(item)}`, they are part of the CSV. `actions(item, list)` makes the menu of a row: `{label, items}`. `noun` names
 * the items. The filters, unless it is not `filtered`, are part of the URL, `place`, so that a list can be linked to; `choices` are
 * their values where the schema lists none, and `adjust(filters)` makes the input of them. `onFilter(filters)` is called with the filters, at first and after a change.
 *
 * Returns the list: `reload()`, `refresh()` without a word, `showNotice(content)`, `add(item)` for a new item that matches the
 * filters, `replace(item)`, `get(id)`, `items()`, `hold(item)` and `release(item)` for what is being changed, `isCurrent(item)`, and `stop()`.
 */
export function showList(
  node,
  registry,
  {
    procedureName,
    place,
    noun,
    columns,
    query,
    filtered = true,
    choices = {},
    actions = null,
    adjust = (filters) => filters,
    onFilter = (_) => {},
  },
) {
  const all = registry.byName.get(procedureName)?.params ?? [];
  const has = (name) => all.some((param) => param.name === name);
  const isPaged = has("cursor");
  const plural = noun.toLowerCase();
  const sorts = columns.flatMap(({ sort }) => sort ?? []);
  // Without the parameter there is one order, whose name is that of its column.
  const usual = { sort: has("sort") ? "createdAt" : sorts[0], order: "desc" };
  let { sort, order } = readSort();
  /** The cursors of the pages up to the current one; undefined for the first page. */
  let cursors = [undefined];
  let nextCursor = null;
  let total = null;
  /** The items that were added and those that were changed during a load, which may have missed that. */
  const early = [];
  const late = [];
  let loading = null;
  /** Loads the page again without a word. */
  const changes = createGathering(() => load({ isQuiet: true }));

  const list = {
    reload,
    refresh: () => changes.ask(),
    showNotice,
    add,
    replace,
    get: (id) => table.get(id),
    items: () => table.items(),
    hold: (item) => table.hold(item.id),
    release: (item) => table.hold(item.id, false),
    isCurrent: (item) => table.isCurrent(item),
    stop,
  };
  const filters = createFilters(registry, {
    params: filtered ? all.filter(({ name }) => !OTHERS.has(name)) : [],
    noun,
    query,
    choices,
    onChange: restart,
    onReset: () => ({ sort, order } = usual),
  });
  /** The filters as they were when they last made sense: the user may be typing. */
  let chosen = filters.value();
  const table = createTable({ noun, columns, actions, onSort: sortBy }, list);
  const fields = columns.flatMap((column) => Object.entries(column.fields ?? {}));
  const csv = createExport({ name: plural.replaceAll(" ", "-"), fields, fetchPage });
  const notice = el("div", { role: "status", class: "list-notice", tabindex: "-1" });
  const state = el("div", { class: "list-state" });
  const count = el("p", { class: "help" });
  const where = el("span", { class: "help" });
  const previous = el("button", { type: "button", on: { click: () => turn(-1) } }, "Previous");
  const next = el("button", { type: "button", on: { click: () => turn(1) } }, "Next");
  const pager = el("nav", { class: "pager", "aria-label": "Pages" }, previous, where, next);
  const bar = el("div", { class: "list-bar" }, count, fields.length > 0 ? csv.node : null);
  node.replaceChildren(el("div", { class: "list" }, filters.node, notice, bar, csv.problem, table.node, state, pager));
  addEventListener("hashchange", stop, { once: true });

  function readSort() {
    const wanted = { sort: query.get("sort") ?? usual.sort, order: query.get("order") ?? usual.order };
    const isKnown = sorts.includes(wanted.sort) && /^(asc|desc)$/.test(wanted.order);
    return isKnown ? wanted : usual;
  }

  /** What the page is made of, as input. */
  function wanted() {
    const sorted = { ...(has("sort") && sort ? { sort } : {}), ...(has("order") ? { order } : {}) };
    return { ...adjust(chosen), ...sorted };
  }

  async function fetchPage(cursor, signal) {
    const paging = isPaged ? { limit: EXPORTED, cursor } : {};
    const { result } = await call(procedureName, { ...wanted(), ...paging }, { signal });
    return isPaged ? result : { items: result, nextCursor: null };
  }

  /** Shows the first page with changed filters or order, and writes them to the URL. */
  function restart(isTyped) {
    const isUsual = sort === usual.sort && order === usual.order;
    chosen = filters.value();
    const about = { ...chosen, ...(isUsual ? {} : { sort, order }) };
    const text = new URLSearchParams(Object.entries(about).map(([name, one]) => [name, String(one)])).toString();
    const hash = `#/${place}${text ? `?${text}` : ""}`;
    // Not by `location.hash`, which would show the whole view again, without the focus.
    if (hash !== location.hash) history[isTyped ? "replaceState" : "pushState"](null, "", hash);
    cursors = [undefined];
    nextCursor = null;
    total = null;
    csv.stop();
    table.showSort(sort, order);
    onFilter(chosen);
    void load();
  }

  function sortBy(column, direction) {
    [sort, order] = [column, direction];
    restart(false);
  }

  async function turn(step) {
    // The cursors are those of the page that is being loaded.
    if (table.node.hasAttribute("aria-busy") || (step > 0 ? nextCursor === null : cursors.length === 1)) return;
    if (step > 0) cursors.push(nextCursor);
    else cursors.pop();
    await load();
    count.scrollIntoView({ block: "nearest" });
  }

  /** Loads the page again, and counts again. */
  function reload() {
    total = null;
    return load();
  }

  async function load({ isQuiet: isUnasked = false } = {}) {
    // Somebody waits for a load that this one takes the place of.
    const isQuiet = isUnasked && !table.node.hasAttribute("aria-busy");
    loading?.abort();
    const current = new AbortController();
    loading = current;
    const { signal } = current;
    if (!isQuiet) table.node.setAttribute("aria-busy", "true");
    if (table.size === 0) state.replaceChildren(el("p", { class: "loading" }, "Loading…"));
    try {
      const paging = isPaged ? { limit: LIMIT, cursor: cursors.at(-1) } : {};
      const counting = has("total") && (total === null || isQuiet) ? { total: true } : {};
      const input = { ...wanted(), ...paging, ...counting };
      // What was asked for early was asked for with the cookie.
      const given = session.token === "" ? takeEarly(procedureName, input) : undefined;
      const { result } = await (given ?? call(procedureName, input, { signal }));
      if (signal.aborted || !node.isConnected) return;
      fill(isPaged ? result : { items: result, nextCursor: null }, isQuiet);
    } catch (error) {
      // A later load has taken its place.
      if (signal.aborted || !node.isConnected) return;
      // What is shown stays until the server has time.
      if (!isQuiet || !changes.askAfter(error)) fail(error);
    }
    loading = null;
    table.node.removeAttribute("aria-busy");
    for (const item of early.splice(0)) add(item);
    for (const item of late.splice(0)) table.replace(item);
  }

  /** Shows what an item has become. */
  function replace(item) {
    if (loading !== null) late.push(item);
    table.replace(item);
  }

  function fill({ items, nextCursor: following, total: counted = undefined }, isQuiet) {
    nextCursor = following;
    total = counted ?? total;
    if (!isPaged) total = { count: items.length, more: false };
    table.fill(items);
    table.node.hidden = items.length === 0;
    state.replaceChildren(items.length === 0 ? el("p", { class: "empty" }, `No ${plural} match.`) : "");
    show();
    if (!isQuiet) announce(`Page ${cursors.length}, ${items.length} ${plural}. ${count.textContent}`);
  }

  function fail(error) {
    const others = filters.show(error.issues ?? []);
    table.fill([]);
    table.node.hidden = true;
    nextCursor = null;
    state.replaceChildren(failureBox(error, { issues: others, retry: () => load() }));
    show();
    announce(failureSentence(error));
  }

  /** `21–40 of 1,234`, as far as it is known. */
  function show() {
    const first = (cursors.length - 1) * LIMIT + 1;
    const shown = table.size === 0 ? "" : `${number.format(first)}–${number.format(first + table.size - 1)}`;
    const known = total && `${total.more ? "more than " : ""}${number.format(total.count)}`;
    count.textContent = [noun, shown, known && shown && `of ${known}`].filter(Boolean).join(" ");
    count.hidden = shown === "";
    csv.offer(table.size > 0);
    where.textContent = `Page ${cursors.length}`;
    previous.disabled = cursors.length === 1;
    next.disabled = nextCursor === null;
    pager.hidden = cursors.length === 1 && nextCursor === null;
  }

  /** Shows a new item at the top of the first page. Other pages do not change: the first one is loaded on the way back. */
  function add(item) {
    if (loading !== null) {
      early.push(item);
      return;
    }
    const isOnTop = cursors.length === 1 && order === "desc" && (sort === usual.sort || !has("sort"));
    if (!isOnTop || table.has(item.id) || state.querySelector(".notice")) return;
    if (table.size >= KEPT) return void load({ isQuiet: true });
    table.prepend(item);
    table.node.hidden = false;
    if (total !== null) total = { ...total, count: total.count + (total.more ? 0 : 1) };
    state.replaceChildren();
    show();
  }

  /** Shows the outcome of an action above the table. It gets the focus, because reloading may remove the button. */
  function showNotice(content) {
    notice.replaceChildren(content);
    notice.focus();
  }

  function stop() {
    removeEventListener("hashchange", stop);
    loading?.abort();
    changes.stop();
    filters.stop();
    csv.stop();
  }

  table.showSort(sort, order);
  show();
  onFilter(chosen);
  void load();
  return list;
}
