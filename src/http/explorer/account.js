// The account button at the top right: signing in with a token, by the identity provider or by the cookie of this browser, and signing
// out.

import { announce, byId, el, showDialog, uniqueId } from "./dom.js";
import { askEarly } from "./early.js";
import { failureBox, failureSentence } from "./failure.js";
import { providerRow } from "./provider.js";
import { call, tell } from "./rpc.js";
import { session } from "./session.js";
import { visible } from "./visible.js";

export function startAccount() {
  const button = byId("account");
  const show = () => {
    const { user } = session;
    button.textContent = user ? (user.name ?? user.id) : "Sign in";
    button.setAttribute("aria-label", user ? `Account: ${user.name ?? user.id}, ${user.role}` : "Sign in");
  };
  button.addEventListener("click", () => (session.user ? showAccount() : signIn()));
  session.onChange(show);
  show();
}

/** Asks for a token until one is valid or the dialog is closed. */
export async function signIn() {
  const id = uniqueId("token");
  const input = el("input", {
    id,
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": `${id}-help`,
    "aria-required": "true",
    autofocus: true,
  });
  const outcome = el("div", { role: "alert" });
  const submit = el("button", { type: "submit", class: "primary" }, "Sign in");
  const cancel = el("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const help =
    "A JWT from your identity provider, or an API token (clusterdesk token create). This page keeps it in memory only: it is not stored, does not appear in the URL, and is lost on reload. To stay signed in, open a link that clusterdesk console-link prints.";
  const form = el(
    "form",
    { novalidate: true, autocomplete: "off" },
    el("h2", { id: `${id}-title` }, "Sign in"),
    providerRow("This browser then stays signed in. Or use a token:"),
    el(
      "div",
      { class: "field" },
      el("label", { for: id }, "Token"),
      input,
      el("p", { class: "help", id: `${id}-help` }, help),
    ),
    outcome,
    el("div", { class: "buttons end" }, cancel, submit),
  );
  const dialog = el("dialog", { "aria-labelledby": `${id}-title` }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = input.value.trim().replace(/^bearer\s+/i, "");
    outcome.replaceChildren();
    submit.setAttribute("aria-disabled", "true");
    try {
      if (token === "") throw Object.assign(new Error("Paste a token first."), { isEmpty: true });
      const { result } = await call("user.me", undefined, { token });
      input.value = "";
      dialog.close();
      session.begin(token, result);
      announce(`Signed in as ${result.name ?? result.id}, ${result.role}`);
    } catch (error) {
      outcome.replaceChildren(error.isEmpty ? el("p", { class: "error" }, error.message) : failureBox(error));
      if (!error.isEmpty) announce(failureSentence(error));
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
    submit.removeAttribute("aria-disabled");
  });
  await showDialog(dialog);
}

/** Signs in by the cookie of this browser, if that has one. */
export async function resumeSession() {
  try {
    const me = call("user.me", undefined, { token: "" });
    if (session.token === "") askEarly(location.hash, (method, params) => call(method, params, { token: "" }));
    const { result } = await me;
    // A token that was entered meanwhile wins.
    if (session.token === "") session.begin("", result);
  } catch {
    // Nobody is signed in, or the server can't say it: the button offers to sign in.
  }
}

/** Reads the user again: their role may have changed, or the token may have become invalid. */
export async function renewSession() {
  try {
    const { result } = await call("user.me");
    session.begin(session.token, result);
  } catch (error) {
    announce(failureSentence(error));
    // Any other failure says nothing about who is signed in.
    if (error.code !== "UNAUTHORIZED") return;
    const hadToken = session.token !== "";
    session.end();
    if (hadToken) await resumeSession();
  }
}

async function showAccount() {
  const { user } = session;
  const id = uniqueId("account");
  const facts = { Name: user.name ?? "–", Id: visible(user.id), Email: user.email ?? "–", Role: user.role };
  const list = el(
    "dl",
    { class: "facts" },
    Object.entries(facts).map(([term, fact]) => [el("dt", {}, term), el("dd", {}, fact)]),
  );
  const how = session.token === "" ? "This browser stays signed in until you sign out." : "A reload forgets the token.";
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id }, "Signed in"),
    list,
    el("p", { class: "help" }, how),
    el(
      "div",
      { class: "buttons end" },
      el("button", { value: "out" }, "Sign out"),
      el("button", { value: "", class: "primary", autofocus: true }, "Close"),
    ),
  );
  if ((await showDialog(el("dialog", { "aria-labelledby": id }, form))) === "out") await signOut();
}

/** Discards the token and ends the session of this browser, so that nobody is signed in after a reload either. */
async function signOut() {
  try {
    await tell("sign-out", {});
    session.end();
    announce("Signed out.");
  } catch (error) {
    if (session.token !== "") session.end();
    const id = uniqueId("sign-out");
    const close = el("button", { value: "", autofocus: true }, "Close");
    const form = el("form", { method: "dialog" }, failureBox(error), el("div", { class: "buttons end" }, close));
    await showDialog(
      el("dialog", { "aria-labelledby": id }, el("h2", { id }, "This browser could not be signed out"), form),
    );
  }
}
