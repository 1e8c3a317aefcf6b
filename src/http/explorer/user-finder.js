// Finds users as one types, and offers what can be done with one.

import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { displayName } from "./names.js";
import { call } from "./rpc.js";
import { visible } from "./visible.js";

/** Milliseconds after the last key press. */
const PAUSE = 250;
/** Users that are shown. */
const MOST = 5;

/**
 * A search by name, email or id. `button(user, list)` makes the button of a user that was found, and `onDone()` is called after what it
 * does. Returns `{node, stop()}`.
 */
export function createUserFinder({ label, button, onDone }) {
  const id = uniqueId("find-user");
  const input = el("input", { id, type: "search", autocomplete: "off", spellcheck: "false", maxlength: "100" });
  const notice = el("div", { role: "status", class: "list-notice", tabindex: "-1" });
  const state = el("div", {});
  const field = el("div", { class: "field" }, el("label", { for: id }, label), input);
  const node = el("search", { class: "stack" }, field, notice, state);
  let timer;
  let loading = new AbortController();
  let shown = [];
  const list = { showNotice, reload, isCurrent: (user) => shown.includes(user) };
  input.addEventListener("input", () => {
    stop();
    timer = setTimeout(find, PAUSE);
  });
  return { node, stop };

  function stop() {
    clearTimeout(timer);
    loading.abort();
  }

  async function find() {
    stop();
    if (!node.isConnected) return;
    loading = new AbortController();
    const { signal } = loading;
    const search = input.value.trim();
    shown = [];
    if (search === "") return state.replaceChildren();
    try {
      const { result } = await call("admin.listUsers", { search, limit: MOST }, { signal });
      shown = result.items;
      show(result.nextCursor !== null);
    } catch (error) {
      if (signal.aborted) return;
      state.replaceChildren(failureBox(error, { retry: () => find() }));
      announce(failureSentence(error));
    }
  }

  function show(isCut) {
    const words = shown.length === 0 ? "No users match." : isCut ? `The first ${MOST}. Type more to find others.` : "";
    const line = (user) =>
      el(
        "li",
        { class: "entry" },
        el("strong", { class: "fit", title: displayName(user) }, el("bdi", {}, displayName(user))),
        el("code", { class: "help fit", title: visible(user.id) }, visible(user.id)),
        el("span", { class: "actions" }, button(user, list)),
      );
    state.replaceChildren(
      shown.length === 0 ? "" : el("ul", { class: "shape", "aria-label": "Users found" }, shown.map(line)),
      words === "" ? "" : el("p", { class: "help" }, words),
    );
    announce(`${shown.length === 1 ? "1 user" : `${shown.length} users`} found. ${words}`);
  }

  /** It gets the focus: the button is made anew. */
  function showNotice(content) {
    notice.replaceChildren(content);
    notice.focus();
  }

  async function reload() {
    await Promise.all([find(), onDone()]);
  }
}
