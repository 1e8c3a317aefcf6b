// Buttons that act on a user's account. `list` is what shows it: `{reload(), showNotice(content)}`.

import { actionButton } from "./action.js";
import { el } from "./dom.js";
import { nameOf, quoted, shortId } from "./names.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { visible, visibleLines } from "./visible.js";

const displayName = ({ id, name }) => nameOf(name) ?? shortId(id);

/** Names a user exactly: several may have the same name. */
const who = ({ id, name }) => (nameOf(name) ? `${quoted(name)} (${visible(id)})` : visible(id));

const isOwn = ({ id }) => id === session.user?.id;

/** The button that makes a user an admin or an admin a user. */
export function roleButton(user, list) {
  const role = user.role === "ADMIN" ? "USER" : "ADMIN";
  const title = role === "ADMIN" ? "Make admin" : "Make user";
  const effect =
    role === "ADMIN"
      ? "An admin sees and changes everything, and can make more admins."
      : "They keep their account and their clusters, and lose access to the dashboard.";
  const own = isOwn(user) ? " This is your own account: you lose your rights at once." : "";
  return actionButton(list, {
    text: title,
    label: `${title}: ${who(user)}`,
    method: "admin.setRole",
    input: { userId: user.id, role },
    done: `${who(user)} is ${role} now.`,
    question: {
      title: `${title}: ${quoted(displayName(user))}?`,
      text: effect + own,
      detail: visible(user.id),
      detailLabel: "User id",
      action: title,
    },
  });
}

/** The button that soft-deletes an active user. */
export function softDeleteButton(user, list) {
  return deletion(user, list, {
    text: "Soft-delete",
    method: "user.softDelete",
    done: `The account of ${who(user)} has been deleted. Its record and that of the customer are kept.`,
    effect:
      "Their clusters are deleted, their tokens are revoked, and their name and email are erased. The customer record is kept for accounting. This can't be undone here.",
    action: "Soft-delete the account",
  });
}

/** The button that deletes a user for good, also a soft-deleted one. */
export function eraseButton(user, list) {
  return deletion(user, list, {
    text: "Delete for good",
    method: "user.delete",
    done: `${who(user)} has been deleted for good.`,
    effect:
      "The account, the customer record, the tokens and the sessions are erased. Their clusters stay as deleted, without an owner. They can't sign up with this id again. This can't be undone.",
    action: "Delete for good",
  });
}

function deletion(user, list, { text, method, done, effect, action }) {
  const force = user.isPaying ? { force: true } : {};
  const paying = user.isPaying
    ? " A paid subscription is running: cancel it at Stripe, or it goes on to be charged."
    : "";
  const own = isOwn(user) ? " This is your own account: you are signed out at once." : "";
  return actionButton(list, {
    text,
    label: `${text}: ${who(user)}`,
    method,
    input: { userId: user.id, ...force },
    done,
    danger: true,
    question: {
      title: `${text}: ${quoted(displayName(user))}?`,
      text: effect + paying + own,
      detail: visible(user.id),
      detailLabel: "User id and active clusters",
      action,
    },
    prepare: user.deletedAt ? null : () => confirmed(user.id),
  });
}

/** What is shown is what is deleted: the server checks the token. */
async function confirmed(userId) {
  const { result } = await call("user.summary", { userId });
  const clusters = result.clusters.map(({ id, name }) => `cluster ${id}: ${visible(name)}`);
  return {
    input: { confirmToken: result.confirmToken },
    question: { detail: [visible(userId), ...clusters].join("\n") },
  };
}

/** The button that asks Stripe for the user's subscriptions and applies what it says. */
export function reconcileButton(user, list) {
  return actionButton(list, {
    text: "Ask Stripe",
    label: `Ask Stripe about ${who(user)}`,
    method: "admin.reconcileUser",
    input: { userId: user.id },
    done: reconciled,
    question: {
      title: `Ask Stripe about ${quoted(displayName(user))}?`,
      text: "Stripe is asked for their subscriptions. A state that is newer than the one here is applied, which may change their plan.",
      detail: visible(user.id),
      detailLabel: "User id",
      action: "Ask Stripe",
    },
  });
}

function reconciled({ subscriptions }) {
  if (subscriptions.length === 0) return el("p", { class: "notice info" }, "Stripe has no subscription of this user.");
  const line = ({ id, outcome, detail }) =>
    el(
      "li",
      {},
      el("code", { class: "breakable" }, visible(id)),
      `: ${outcome}`,
      detail ? `, ${visibleLines(detail)}` : "",
    );
  const failed = subscriptions.some(({ outcome }) => outcome === "failed");
  return el(
    "div",
    { class: failed ? "notice warn" : "notice good" },
    el("p", {}, "Stripe was asked."),
    el("ul", {}, subscriptions.map(line)),
  );
}
