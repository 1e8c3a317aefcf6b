// The sidebar: links to all views, and the search.

import { byId, el, uniqueId } from "./dom.js";
import { session } from "./session.js";
import { isShortcut } from "./settings.js";

/** Places that have more than one view, and how the addresses of these begin. */
const PARTS = { "#/dashboard": ["#/dashboard/", "#/user/", "#/cluster/"], "#/access": ["#/access/"] };

export function startNavigation(registry) {
  const links = [];
  const groups = [...registry.namespaces].map(([namespace, procedures]) => {
    const items = procedures.map((procedure) => {
      const item = procedureItem(procedure);
      links.push({ item, procedure, text: searchText(procedure) });
      return item;
    });
    return group(namespace, items);
  });
  const special = el("ul", {});
  const nothing = el("p", { class: "help", hidden: true }, "No procedure matches.");
  byId("places").replaceChildren(special, ...groups, nothing);

  const showSpecial = () => {
    const subscription = registry.procedures.find((procedure) => procedure.kind === "subscription");
    special.replaceChildren(
      place("#/", "Overview"),
      subscription ? place(`#/${subscription.name}`, "Live") : "",
      session.user ? place("#/access", "Access") : "",
      session.isAdmin ? place("#/dashboard", "Dashboard") : "",
      place("#/calls", "Saved calls"),
      place("#/batch", "Batch"),
      place("#/environments", "Named tokens"),
    );
    markCurrent();
  };
  session.onChange(showSpecial);
  showSpecial();
  startSearch(links, groups, nothing, special);
  startMenu();
}

/** Marks the link to the current view. */
export function markCurrent() {
  const here = location.hash.split("?")[0] || "#/";
  for (const link of byId("places").querySelectorAll("a")) {
    const href = link.getAttribute("href");
    const current = href === here || (PARTS[href] ?? []).some((part) => here.startsWith(part));
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (current) link.scrollIntoView({ block: "nearest" });
  }
}

function place(href, text) {
  return el("li", {}, el("a", { href }, text));
}

function group(namespace, items) {
  const id = uniqueId("group");
  return el("div", { class: "group" }, el("h2", { id }, namespace), el("ul", { "aria-labelledby": id }, items));
}

function procedureItem({ name, shortName, kind }) {
  const letter = el("span", { class: `letter ${kind}`, "aria-hidden": "true", title: kind });
  return el(
    "li",
    {},
    el("a", { href: `#/${name}`, "aria-label": name }, el("span", { class: "code" }, shortName), letter),
  );
}

function searchText({ name, oldName, summary, kind, params }) {
  return [name, oldName, summary, kind, ...params.map((param) => param.name)].join(" ").toLowerCase();
}

function startSearch(links, groups, nothing, special) {
  const search = /** @type {HTMLInputElement} */ (byId("search"));
  const matches = () => links.filter(({ item }) => !item.hidden);
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { item, text } of links) item.hidden = !wanted.every((word) => text.includes(word));
    for (const node of groups) node.hidden = node.querySelector("li:not([hidden])") === null;
    special.hidden = wanted.length > 0;
    const count = matches().length;
    nothing.hidden = count > 0;
    byId("found").textContent = wanted.length === 0 ? "" : `${count} of ${links.length} procedures`;
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      search.value = "";
      filter();
    } else if (event.key === "Enter" && search.value.trim() !== "" && matches().length > 0) {
      location.hash = `#/${matches()[0].procedure.name}`;
      search.value = "";
      filter();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      matches()[0]?.item.querySelector("a").focus();
    }
  });
  addEventListener("keydown", (event) => {
    if (!isShortcut(event, "/")) return;
    event.preventDefault();
    openMenu(true);
    search.focus();
    search.select();
  });
}

function openMenu(open) {
  byId("menu").setAttribute("aria-expanded", String(open));
  byId("sidebar").classList.toggle("open", open);
}

/** On a narrow screen, a button opens the sidebar. */
function startMenu() {
  const menu = byId("menu");
  menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
  byId("sidebar").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.getAttribute("aria-expanded") !== "true") return;
    openMenu(false);
    menu.focus();
  });
  addEventListener("hashchange", () => openMenu(false));
}
