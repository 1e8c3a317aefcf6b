// The table of a list. A row stays the same element while its item stays the same, so that it keeps the focus and an open menu.

import { el, uniqueId } from "./dom.js";
import { arrange } from "./focus.js";
import { menuButton } from "./menu.js";

const FOCUSABLE = ":is(a[href], button):not([role='menuitem']), summary, [tabindex='0']";

/**
 * A table of items. `columns` are `{title, cell(item, list), sort}`, where `sort` names the order that a click on the head chooses;
 * `actions(item, list)` are `{label, items}` of a menu for each row. `onSort(sort, order)` is called after such a click.
 */
export function createTable({ noun, columns, actions, onSort }, list) {
  /** By the ids of the items, in the order of the rows. */
  let rows = new Map();
  const body = el("tbody", { role: "rowgroup" });
  const heads = columns.map((column) => head(column, onSort));
  const last = actions ? [el("th", { scope: "col", role: "columnheader" }, "Actions")] : [];
  const node = el(
    "table",
    { role: "table", "aria-label": noun, id: uniqueId("list") },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads.map((one) => one.node), last)),
    body,
  );

  function row(item) {
    const cells = columns.map(({ title, cell }) => [title, cell(item, list)]);
    const menu = actions?.(item, list);
    if (actions) cells.push(["Actions", menu ? menuButton(`Actions: ${menu.label}`, menu.items) : "–"]);
    const node = el(
      "tr",
      { role: "row" },
      cells.map(([title, content]) => el("td", { role: "cell", "data-label": title }, el("div", {}, content))),
    );
    return { item, text: JSON.stringify(item), node };
  }

  /** The row as it is, if nothing has changed. */
  function renewed(item) {
    const known = rows.get(item.id);
    if (known === undefined || known.text !== JSON.stringify(item)) return row(item);
    hold(known, false);
    return known;
  }

  function hold(one, isHeld) {
    one.node.toggleAttribute("data-held", isHeld);
    one.node.querySelector(".menu-button")?.setAttribute("aria-disabled", String(isHeld));
  }

  /** Does `work`, which may replace rows, and gives the focus to what takes the place of the focused element. */
  function keepingFocus(work) {
    const active = document.activeElement;
    const focused = active.closest(".menu-place")?.querySelector(".menu-button") ?? active;
    const [id, old] = [...rows].find(([, { node }]) => node.contains(focused)) ?? [];
    const at = old === undefined ? -1 : [...old.node.querySelectorAll(FOCUSABLE)].indexOf(focused);
    work();
    const now = rows.get(id)?.node;
    if (now && !now.contains(document.activeElement)) now.querySelectorAll(FOCUSABLE)[at]?.focus();
  }

  return {
    node,
    get size() {
      return rows.size;
    },
    /** Shows these items only. */
    fill(items) {
      keepingFocus(() => {
        rows = new Map(items.map((item) => [item.id, renewed(item)]));
        arrange(
          body,
          [...rows.values()].map((one) => one.node),
        );
      });
    },
    prepend(item) {
      const added = row(item);
      rows = new Map([[item.id, added], ...rows]);
      body.prepend(added.node);
    },
    has: (id) => rows.has(id),
    get: (id) => rows.get(id)?.item,
    items: () => [...rows.values()].map(({ item }) => item),
    /** Shows what an item has become. */
    replace(item) {
      const old = rows.get(item.id);
      if (old === undefined || old.text === JSON.stringify(item)) return;
      keepingFocus(() => {
        const changed = row(item);
        rows.set(item.id, changed);
        old.node.replaceWith(changed.node);
      });
    },
    /** Whether an item is shown as it is, and nothing is known to have changed it. */
    isCurrent(item) {
      const shown = rows.get(item.id);
      return shown !== undefined && shown.text === JSON.stringify(item) && !shown.node.hasAttribute("data-held");
    },
    /** Disables what can be done with an item, or enables it again. */
    hold(id, isHeld = true) {
      const held = rows.get(id);
      if (held !== undefined) hold(held, isHeld);
    },
    showSort(sort, order) {
      for (const one of heads) one.show(sort, order);
    },
  };
}

/** The head of a column; with a button if the list can be sorted by it. */
export function head({ title, sort = undefined, first = "desc" }, onSort) {
  if (sort === undefined) {
    return { node: el("th", { scope: "col", role: "columnheader" }, title), show() {} };
  }
  const button = el("button", { type: "button", class: "plain sort" }, title);
  const node = el("th", { scope: "col", role: "columnheader", "aria-sort": "none" }, button);
  let current = null;
  button.addEventListener("click", () => onSort(sort, current === null ? first : current === "asc" ? "desc" : "asc"));
  return {
    node,
    show(by, order) {
      current = by === sort ? order : null;
      const words = { asc: "ascending", desc: "descending" };
      node.setAttribute("aria-sort", words[current] ?? "none");
    },
  };
}
