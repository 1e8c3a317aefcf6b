// Buttons in a table row that call a mutation.

import { renewSession } from "./account.js";
import { askToConfirm } from "./confirm.js";
import { el } from "./dom.js";
import { failureBox } from "./failure.js";
import { call } from "./rpc.js";
import { session } from "./session.js";

/**
 * A button that calls a mutation and reloads the list. `done` is the text to show afterwards, or a
 * function that makes an element from the result. `question`, if given, has
 * to be confirmed first. `prepare`, if given, reads what the question is about; its `input` and `question` come on top.
 */
export function actionButton(
  list,
  { text, label, method, input, done, question = null, prepare = null, danger = false },
) {
  const button = el(
    "button",
    { type: "button", class: danger ? "small danger-text" : "small", "aria-label": label },
    text,
  );
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      const more = (await prepare?.()) ?? {};
      if (question && !(await askToConfirm({ ...question, ...more.question }))) return;
      const { result } = await call(method, { ...input, ...more.input }, { mutates: true });
      if (input.userId === session.user?.id) return await renewSession();
      list.showNotice(typeof done === "function" ? done(result) : el("p", { class: "notice good" }, done));
      await list.reload();
    } catch (error) {
      list.showNotice(failureBox(error));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  return button;
}
