// What an admin can do with a user's account: the questions, for the menus of lists, and the buttons of the pages.

import { actionButton } from "./action.js";
import { el } from "./dom.js";
import { fitting } from "./facts.js";
import { displayName, nameOf, quoted, who } from "./names.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { visible, visibleLines } from "./visible.js";

/** For screen readers, which need no isolated names. */
export const exactly = ({ id, name }) => (nameOf(name) ? `${name} (${visible(id)})` : visible(id));

const isOwn = ({ id }) => id === session.user?.id;

/** Making a user an admin or an admin a user. */
export function userRole(user) {
  const role = user.role === "ADMIN" ? "USER" : "ADMIN";
  const title = role === "ADMIN" ? "Make admin" : "Make user";
  const effect =
    role === "ADMIN"
      ? "An admin sees and changes everything, and can make more admins."
      : "They keep their account and their clusters, and lose access to the dashboard.";
  const own = " This is your own account: you lose your rights at once, and only another admin can give them back.";
  return {
    text: title,
    label: `${title}: ${exactly(user)}`,
    method: "admin.setRole",
    input: { userId: user.id, role },
    done: `${who(user)} is ${role} now.`,
    question: {
      title: `${title}: ${quoted(displayName(user))}?`,
      text: isOwn(user) ? effect + own : effect,
      detail: visible(user.id),
      detailLabel: "User id",
      action: title,
    },
  };
}

/** Soft-deleting an active user. */
export function userDeletion(user) {
  return deletion(user, {
    text: "Soft-delete",
    method: "user.softDelete",
    done: `The account of ${who(user)} has been deleted. Its record and that of the customer are kept.`,
    effect:
      "Their clusters are deleted, their tokens are revoked, and their name and email are erased. The customer record is kept for accounting. This can't be undone here.",
    action: "Soft-delete the account",
  });
}

/** Deleting a user for good, also a soft-deleted one. */
export function userErasure(user) {
  return deletion(user, {
    text: "Delete for good",
    method: "user.delete",
    done: `${who(user)} has been deleted for good.`,
    effect:
      "The account, the customer record, the tokens and the sessions are erased. Their clusters stay as deleted, without an owner. They can't sign up with this id again. This can't be undone.",
    action: "Delete for good",
  });
}

function deletion(user, { text, method, done, effect, action }) {
  return {
    text,
    label: `${text}: ${exactly(user)}`,
    method,
    input: { userId: user.id },
    done,
    danger: true,
    question: { title: `${text}: ${quoted(displayName(user))}?`, detailLabel: "User id and active clusters", action },
    prepare: () => examined(user, effect),
  };
}

/**
 * Reads what a deletion takes away, at the moment of the question: a list doesn't know who pays. What is shown is what is deleted:
 * the server checks the token. Without `force` it refuses to delete who pays.
 */
async function examined({ id: userId, ...user }, effect) {
  const [{ result: now }, summary] = await Promise.all([
    call("admin.getUser", { userId }),
    user.deletedAt ? null : call("user.summary", { userId }),
  ]);
  const paying = now.isPaying
    ? " A paid subscription is running: cancel it at Stripe, or the customer will still be charged."
    : "";
  const own = isOwn({ id: userId }) ? " This is your own account: you are signed out at once." : "";
  const clusters = (summary?.result.clusters ?? []).map(({ id, name }) => `cluster ${id}: ${visible(name)}`);
  return {
    input: {
      ...(now.isPaying ? { force: true } : {}),
      ...(summary === null ? {} : { confirmToken: summary.result.confirmToken }),
    },
    question: { text: effect + paying + own, detail: [visible(userId), ...clusters].join("\n") },
  };
}

/** Asking Stripe for the user's subscriptions and applying what it says. */
function reconciliation(user) {
  return {
    text: "Ask Stripe",
    label: `Ask Stripe about ${exactly(user)}`,
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
  };
}

/** The button that makes a user an admin or an admin a user, unless the page shows something else meanwhile. */
export const roleButton = (user, page) => actionButton(page, { ...userRole(user), item: user });

/** The button that soft-deletes an active user. `list` is what shows it: `{reload(), showNotice(content)}`. */
export const softDeleteButton = (user, list) => actionButton(list, { ...userDeletion(user), item: user });

/** The button that deletes a user for good, also a soft-deleted one. */
export const eraseButton = (user, list) => actionButton(list, { ...userErasure(user), item: user });

/** The button that asks Stripe about a user. */
export const reconcileButton = (user, list) => actionButton(list, { ...reconciliation(user), item: user });

function reconciled({ subscriptions }) {
  if (subscriptions.length === 0) return el("p", { class: "notice info" }, "Stripe has no subscription of this user.");
  const line = ({ id, outcome, detail }) =>
    el("li", {}, fitting("code", visible(id)), `: ${outcome}`, detail ? `, ${visibleLines(detail)}` : "");
  const failed = subscriptions.some(({ outcome }) => outcome === "failed");
  return el(
    "div",
    { class: failed ? "notice warn" : "notice good" },
    el("p", {}, "Stripe was asked."),
    el("ul", {}, subscriptions.map(line)),
  );
}
