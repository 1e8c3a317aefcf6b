// The API tokens of the signed-in user; an admin can look at those of another one.

import { action } from "./action.js";
import { badge } from "./badge.js";
import { copyAction, copyButton } from "./copy.js";
import { announce, el, uniqueId } from "./dom.js";
import { scrolling } from "./facts.js";
import { failureBox, failureSentence } from "./failure.js";
import { createForm } from "./form.js";
import { showList } from "./list.js";
import { keepCurrent } from "./live-list.js";
import { moment } from "./moment.js";
import { person } from "./names.js";
import { call } from "./rpc.js";
import { session } from "./session.js";

/** Shows the tab in `node`. Returns a function that stops it. */
export function showTokens(node, registry, query) {
  let filters = {};
  const owner = el("span", {});
  /** Of whom an admin makes a token, besides of themselves. */
  const ofUser = () => (session.isAdmin && filters.userId ? filters.userId : null);
  const place = el("div", {});
  const list = showList(place, registry, {
    procedureName: "token.list",
    place: "access/tokens",
    noun: "Tokens",
    query,
    filtered: session.isAdmin,
    columns: [
      {
        title: "Token",
        cell: (token) => [
          el("strong", { class: "cut", title: token.name }, token.name),
          el("code", { class: "help block" }, hint(token)),
        ],
        fields: { id: (token) => token.id, name: (token) => token.name },
      },
      { title: "Scope", cell: (token) => badge(token.scope), fields: { scope: (token) => token.scope } },
      { title: "State", cell: (token) => badge(state(token)), fields: { state } },
      {
        title: "Created",
        cell: (token) => moment(token.createdAt),
        fields: { created: (token) => token.createdAt },
      },
      {
        title: "Expires",
        cell: (token) => (token.expiresAt ? moment(token.expiresAt) : "never"),
        fields: { expires: (token) => token.expiresAt },
      },
      {
        title: "Last used",
        cell: (token) => lastUse(token),
        fields: { lastUsed: (token) => token.lastUsedAt, lastUsedFrom: (token) => token.lastUsedAddress },
      },
    ],
    actions: (token, list) =>
      state(token) === "live" ? { label: named(token), items: () => menu(token, list) } : null,
    onFilter: (changed) => {
      filters = changed;
      owner.replaceChildren(...(ofUser() ? [" of ", person(ofUser())] : []));
    },
  });
  node.replaceChildren(el("div", { class: "stack" }, creation(registry, list, owner, ofUser), place));
  return keepCurrent(list, "apiToken", () => filters.userId ?? session.user?.id);
}

/** The end of a token, by which its owner knows it. */
const hint = ({ id, hint }) => (hint === null ? `#${id}` : `#${id} …${hint}`);

const named = (token) => `${token.name} ${hint(token)}`;

function state({ revokedAt, expiresAt }) {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && new Date(expiresAt) <= new Date() ? "expired" : "live";
}

export function lastUse({ lastUsedAt, lastUsedAddress }) {
  const from = lastUsedAddress === null ? null : el("code", { class: "help cut" }, lastUsedAddress);
  return [moment(lastUsedAt), from];
}

/** The input about a token or a session, which names its user only if that is somebody else. */
export function about({ id, userId }) {
  return userId === session.user?.id ? { id } : { id, userId };
}

/** A form that makes a token and shows it above the list. */
function creation(registry, list, owner, ofUser) {
  const params = registry.byName.get("token.create")?.params.filter(({ name }) => name !== "userId") ?? [];
  const fields = createForm(params, registry);
  const outcome = el("div", {});
  const submit = el("button", { type: "submit", class: "primary" }, "Make a token");
  const id = uniqueId("new-token");
  const form = el(
    "form",
    { class: "panel", "aria-labelledby": id, novalidate: true, autocomplete: "off" },
    el("h2", { id }, "New token", owner),
    fields.node,
    outcome,
    el("div", { class: "buttons" }, submit),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    const { value, issues } = fields.read();
    fields.show(issues);
    outcome.replaceChildren();
    if (issues.length > 0) return;
    submit.setAttribute("aria-disabled", "true");
    try {
      const userId = ofUser();
      const whose = userId ? { userId } : {};
      const { result } = await call("token.create", { ...value, ...whose }, { mutates: true });
      fields.fill({});
      list.showNotice(secret(result));
      await list.reload();
    } catch (error) {
      const others = fields.show(error.issues ?? []);
      outcome.replaceChildren(failureBox(error, { issues: others }));
      announce(failureSentence(error));
    }
    submit.removeAttribute("aria-disabled");
  });
  return form;
}

/** The new token, which can't be shown again. */
function secret({ id, token }) {
  if (token === null) {
    const text = `Token #${id} was made, but the answer with it was lost. Rotate it to get another one.`;
    return el("p", { class: "notice warn" }, text);
  }
  return el(
    "div",
    { class: "notice good" },
    el("p", {}, `Token #${id} was made. Copy it: it is never shown again.`),
    scrolling("The new token", token),
    copyButton("the new token", () => token),
  );
}

function menu(token, list) {
  return [rotate(token, list), copyAction("Copy id", String(token.id)), revoke(token, list)];
}

function rotate(token, list) {
  return action(list, {
    text: "Rotate…",
    item: token,
    method: "token.rotate",
    input: about(token),
    done: secret,
    question: {
      title: `Rotate ${token.name}?`,
      text: "It stops working at once, and you get a new one with the same name, scope and expiry.",
      detail: named(token),
      detailLabel: "Token",
      action: "Rotate the token",
    },
  });
}

function revoke(token, list) {
  return action(list, {
    text: "Revoke…",
    item: token,
    method: "token.revoke",
    input: about(token),
    done: `${named(token)} has been revoked.`,
    danger: true,
    question: {
      title: `Revoke ${token.name}?`,
      text: "It stops working at once. This can't be undone.",
      detail: named(token),
      detailLabel: "Token",
      action: "Revoke the token",
    },
  });
}
