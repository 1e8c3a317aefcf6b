// The frame of a page about one thing, for admins: heading, notice, content that is loaded.

import { signIn } from "./account.js";
import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { keepFocus } from "./focus.js";
import { createGathering } from "./gather.js";
import { pagedTable } from "./paged.js";
import { session } from "./session.js";

/**
 * Shows a page. `back` is `{href, text}` of the list that it belongs to, and `title` is shown until it is loaded. `load()` reads the thing;
 * `render(thing, page)` returns `{title, badges, content}`; `missing()` returns the content if there is no such thing. The page is
 * `{reload(), refresh() without a word, showNotice(content), table(options), isCurrent(thing)}`. Returns a function that stops it.
 */
export function showThing(main, { back, title, load, render, missing, watch = (_page) => null }) {
  const heading = el("h1", { tabindex: "-1" }, title);
  const badges = el("div", { class: "badges" });
  const notice = el("div", { role: "status", class: "list-notice", tabindex: "-1" });
  const body = el("div", { class: "thing" });
  const crumbs = el("nav", { "aria-label": "Breadcrumb", class: "crumbs" }, el("a", { href: back.href }, back.text));
  const head = el("div", { class: "thing-head" }, heading, badges);
  let loads = 0;
  /** The thing, as text. */
  let shown = "";
  let stop = null;
  /** The tables, which stay when the page is made anew. */
  const tables = new Map();
  const changes = createGathering(() => reload({ isQuiet: true }));
  const page = { reload: () => reload(), refresh: () => changes.ask(), showNotice, table, isCurrent };
  main.replaceChildren(el("header", { class: "page-head wide" }, crumbs, head), notice, body);
  const stopListening = session.onChange(start);
  start();
  return () => {
    loads += 1;
    stopListening();
    changes.stop();
    stop?.();
  };

  function start() {
    stop?.();
    stop = null;
    notice.replaceChildren();
    tables.clear();
    shown = "";
    if (!session.isAdmin) {
      loads += 1;
      return body.replaceChildren(refusal());
    }
    body.replaceChildren(el("p", { class: "loading" }, "Loading…"));
    reload();
    stop = watch(page);
  }

  async function reload({ isQuiet = false } = {}) {
    loads += 1;
    const own = loads;
    // What changes by itself is not dimmed: nobody waits for it.
    if (!isQuiet) body.setAttribute("aria-busy", "true");
    try {
      const thing = await load();
      if (own === loads && isQuiet && isCurrent(thing)) refreshTables();
      // Already the rendering takes the tables out of the page.
      else if (own === loads) keepFocus(body, () => show(render(thing, page)), heading);
      if (own === loads) shown = JSON.stringify(thing);
    } catch (error) {
      // What is shown stays until the server has time.
      if (own === loads && !(isQuiet && changes.askAfter(error))) fail(error);
    }
    if (own === loads) body.removeAttribute("aria-busy");
  }

  /** What stays as it is keeps the focus, and a button is not exchanged while it is pressed. */
  function refreshTables() {
    for (const one of tables.values()) one.refresh();
  }

  /** Whether a thing is what is shown. */
  function isCurrent(thing) {
    return JSON.stringify(thing) === shown;
  }

  /** A table as `pagedTable` makes it; the same one as before, with new rows, if there is one. */
  function table(options) {
    const key = `${options.procedure} ${JSON.stringify(options.input)}`;
    const known = tables.get(key);
    if (known) known.refresh();
    else tables.set(key, pagedTable(options));
    return tables.get(key).node;
  }

  function show({ title: name, badges: marks, content }) {
    heading.replaceChildren(el("bdi", { title: name }, name));
    badges.replaceChildren(...marks.filter(Boolean));
    document.title = `${name} – clusterdesk`;
    body.replaceChildren(...content.filter(Boolean));
  }

  function fail(error) {
    shown = "";
    badges.replaceChildren();
    const content = error.code === "NOT_FOUND" ? missing(page) : [failureBox(error, { retry: () => reload() })];
    body.replaceChildren(...content.filter(Boolean));
    announce(failureSentence(error));
  }

  /** Shows the outcome of an action. It gets the focus, because the page is made anew. */
  function showNotice(content) {
    notice.replaceChildren(content);
    notice.focus();
  }
}

function refusal() {
  const why = session.user
    ? "This page is for admins. You are signed in as a user."
    : "This page is for admins. Sign in with an admin's token.";
  const button = session.user
    ? null
    : el("button", { type: "button", class: "primary", on: { click: signIn } }, "Sign in");
  return el("div", { class: "empty" }, el("p", {}, why), button);
}

/** A part of the page with a heading. */
export function section(title, ...content) {
  return el("section", { "aria-label": title, class: "panel" }, el("h2", {}, title), content);
}

/** The same over the whole width. */
export function wideSection(title, ...content) {
  return el("section", { "aria-label": title, class: "panel whole" }, el("h2", {}, title), content);
}

/** The same below two others, or beside them where there is room for three. */
export function thirdSection(title, ...content) {
  return el("section", { "aria-label": title, class: "panel whole beside" }, el("h2", {}, title), content);
}
