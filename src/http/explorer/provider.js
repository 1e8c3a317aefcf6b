// The identity provider with which people may sign in, if the server has one.

import { el } from "./dom.js";
import { ROOT } from "./rpc.js";

/** What people call the provider; null if there is none, or the server can't say it. */
async function providerName() {
  try {
    const reply = await fetch(new URL("sign-in/options", ROOT), { cache: "no-store", credentials: "omit" });
    const { provider } = await reply.json();
    return typeof provider === "string" ? provider : null;
  } catch {
    return null;
  }
}

/** A row with the link to the provider, which is hidden as long as there is none. `sentence` stands below the link. */
export function providerRow(sentence) {
  const row = el("div", { hidden: true });
  providerName().then((name) => {
    if (name === null) return;
    // A link and not a form: the page's policy allows no forms that lead to other pages.
    const link = el("a", { class: "button primary", href: new URL("sign-in/oidc", ROOT).href }, `Sign in with ${name}`);
    row.append(el("div", { class: "buttons" }, link), el("p", { class: "help" }, sentence));
    row.hidden = false;
  });
  return row;
}
