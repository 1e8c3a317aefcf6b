// Buttons in a table row that call a mutation.

import { renewSession } from "./account.js";
import { askToConfirm } from "./confirm.js";
import { el } from "./dom.js";
import { failureBox } from "./failure.js";
import { call } from "./rpc.js";
import { session } from "./session.js";

/**
 * A button that calls a mutation and reloads the list. `done` is the text to show afterwards. `question`, if given, has
 * to be confirmed first.
 */
export function actionButton(list, { text, label, method, input, done, question = null, danger = false }) {
  const button = el(
    "button",
    { type: "button", class: danger ? "small danger-text" : "small", "aria-label": label },
    text,
  );
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    if (question && !(await askToConfirm(question))) return;
    button.setAttribute("aria-disabled", "true");
    try {
      await call(method, input);
      if (input.userId === session.user?.id) return await renewSession();
      list.showNotice(el("p", { class: "notice good" }, done));
      await list.reload();
    } catch (error) {
      list.showNotice(failureBox(error));
    }
    button.removeAttribute("aria-disabled");
  });
  return button;
}
