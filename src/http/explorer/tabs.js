// A view with tabs: links at the top, and the content of one of them.

import { signIn } from "./account.js";
import { el } from "./dom.js";
import { session } from "./session.js";

/**
 * Shows a tab of `view`, `{place, title, tabs, refusal()}`, with its filters from the URL. A tab is `{id, title, show}`, whose `show`
 * may return a function that stops what runs in it. `refusal` says why there is nothing to see; null if there is. Returns a
 * function that stops the view.
 */
export function showTabs(main, registry, { place, title, tabs, refusal }, tabId, query) {
  const tab = tabs.find(({ id }) => id === tabId) ?? tabs[0];
  const body = el("div", {});
  const links = tabs.map(({ id, title: name }) =>
    el("li", {}, el("a", { href: `#/${place}/${id}`, "aria-current": id === tab.id ? "page" : null }, name)),
  );
  const nav = el("nav", { "aria-label": title, class: "tab-links" }, el("ul", {}, links));
  const heading = el("h1", { tabindex: "-1" }, `${title}: `, tab.title);
  let stop = null;
  const render = () => {
    stop?.();
    stop = null;
    const why = refusal();
    if (why !== null) return body.replaceChildren(refused(why));
    body.replaceChildren(nav, el("div", {}));
    stop = tab.show(body.lastChild, registry, query);
  };
  main.replaceChildren(el("header", { class: "page-head" }, heading), body);
  render();
  const stopListening = session.onChange(render);
  return () => {
    stopListening();
    stop?.();
  };
}

function refused(why) {
  const button = session.user
    ? null
    : el("button", { type: "button", class: "primary", on: { click: signIn } }, "Sign in");
  return el("div", { class: "empty" }, el("p", {}, why), button);
}
