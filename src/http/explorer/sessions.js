// The browsers in which the signed-in user is signed in; an admin can look at those of another one.

import { renewSession } from "./account.js";
import { action } from "./action.js";
import { badge } from "./badge.js";
import { askToConfirm } from "./confirm.js";
import { el } from "./dom.js";
import { failureBox } from "./failure.js";
import { showList } from "./list.js";
import { keepCurrent } from "./live-list.js";
import { moment } from "./moment.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { about, lastUse } from "./tokens.js";
import { visible } from "./visible.js";

/** Shows the tab in `node`. Returns a function that stops it. */
export function showSessions(node, registry, query) {
  let filters = {};
  const place = el("div", {});
  const list = showList(place, registry, {
    procedureName: "session.list",
    place: "access/sessions",
    noun: "Sessions",
    query,
    filtered: session.isAdmin,
    columns: [
      {
        title: "Session",
        cell: ({ id, current }) => [el("code", {}, `#${id}`), " ", current ? badge("this browser", "green") : null],
        fields: { id: (one) => one.id, thisBrowser: (one) => one.current },
      },
      {
        title: "Signed in",
        cell: ({ createdAt }) => moment(createdAt),
        fields: { signedIn: (one) => one.createdAt },
      },
      {
        title: "Last used",
        cell: (one) => lastUse(one),
        fields: { lastUsed: (one) => one.lastUsedAt, lastUsedFrom: (one) => one.lastUsedAddress },
      },
      { title: "Ends", cell: ({ expiresAt }) => moment(expiresAt), fields: { ends: (one) => one.expiresAt } },
    ],
    actions: (one, list) => (one.current ? null : { label: `session #${one.id}`, items: () => [end(one, list)] }),
    onFilter: (changed) => {
      filters = changed;
    },
  });
  node.replaceChildren(
    place,
    el(
      "div",
      { class: "buttons" },
      endAll(list, () => session.isAdmin && filters.userId),
    ),
  );
  return keepCurrent(list, "session", () => filters.userId ?? session.user?.id);
}

function end(one, list) {
  return action(list, {
    text: "Sign out…",
    item: one,
    method: "session.revoke",
    input: about(one),
    done: `Session #${one.id} has been signed out.`,
    danger: true,
    question: {
      title: `Sign out session #${one.id}?`,
      text: "That browser is signed out at once. It needs a new link to sign in again.",
      detail: `session #${one.id}${one.lastUsedAddress === null ? "" : `, last used from ${one.lastUsedAddress}`}`,
      detailLabel: "Session",
      action: "Sign out",
    },
  });
}

/** A button that signs all browsers out, also this one. */
function endAll(list, ofUser) {
  const button = el("button", { type: "button", class: "danger-text" }, "Sign out everywhere");
  button.addEventListener("click", async () => {
    const userId = ofUser();
    const other = userId && userId !== session.user?.id ? { userId } : {};
    const question = {
      title: "Sign out everywhere?",
      text: "All browsers are signed out, and links to sign in that were not used stop working. Tokens keep working.",
      detail: visible(other.userId ?? session.user?.id ?? ""),
      detailLabel: "User id",
      action: "Sign out everywhere",
    };
    if (!(await askToConfirm(question))) return;
    try {
      await call("session.revokeAll", other, { mutates: true });
      list.showNotice(el("p", { class: "notice good" }, "All browsers have been signed out."));
      if (other.userId === undefined && session.token === "") await renewSession();
      else await list.reload();
    } catch (error) {
      list.showNotice(failureBox(error));
    }
  });
  return button;
}
