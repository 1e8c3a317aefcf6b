// Mutations that a list offers for one of its items.

import { renewSession } from "./account.js";
import { askToConfirm } from "./confirm.js";
import { el } from "./dom.js";
import { failureBox } from "./failure.js";
import { call } from "./rpc.js";
import { session } from "./session.js";

/** What may change the rights of a user, their `userId`. */
const RIGHTS = new Set(["admin.setRole", "user.softDelete", "user.delete"]);

/**
 * Calls a mutation and reloads the list. `done` is the text to show afterwards, or a function that makes an element from the result.
 * `question`, if given, has to be confirmed first. `prepare`, if given, reads what the question is about; its `input` and `question`
 * come on top. With an `item` of the list, nothing is called if that has changed since it was shown. A list with menus can `hold` an item meanwhile.
 */
async function perform(list, about) {
  const { method, input, done, question = null, prepare = null, item = null } = about;
  try {
    const more = (await prepare?.()) ?? {};
    if (question && !(await askToConfirm({ ...question, ...more.question }))) return;
    if (item !== null && !list.isCurrent(item)) return list.showNotice(outdated());
    if (item !== null) list.hold?.(item);
    const { result } = await call(method, { ...input, ...more.input }, { mutates: true });
    if (RIGHTS.has(method) && input.userId === session.user?.id) return await renewSession();
    list.showNotice(typeof done === "function" ? done(result) : el("p", { class: "notice good", title: done }, done));
    await list.reload();
  } catch (error) {
    if (item !== null) list.release?.(item);
    list.showNotice(failureBox(error));
  }
}

function outdated() {
  return el("p", { class: "notice warn" }, "This has changed since it was shown. Look at it again.");
}

/** A button for a mutation, `about`; see {@link perform}. `label` is its name for screen readers. */
export function actionButton(list, { text, label, danger = false, ...about }) {
  const looks = danger ? "small danger-text" : "small";
  const button = el("button", { type: "button", class: looks, "aria-label": label }, text);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    await perform(list, about);
    button.removeAttribute("aria-disabled");
  });
  return button;
}

/** An entry of a row's menu that calls a mutation, `about`; see {@link perform}. */
export function action(list, { text, danger = false, ...about }) {
  return { text, danger, run: () => perform(list, about) };
}
