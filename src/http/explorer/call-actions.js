// What else can be done with the call in a form: save it, share a link to it, and put it into the batch.

import { askForText } from "./ask.js";
import { batch, LARGEST } from "./batch.js";
import { copy } from "./copy.js";
import { announce, el } from "./dom.js";
import { scrolling } from "./facts.js";
import { save } from "./kept.js";
import { linkTo } from "./link.js";
import { holdsToken } from "./store.js";

const NOT_KEPT = "This browser could not keep it.";
const HAS_TOKEN = "The input has a token in it, so it is neither saved nor shared.";

/**
 * The buttons. `input()` is the input as it stands; `checked()` is the same, or null after it was found invalid and its fields were
 * marked. Only queries and mutations can be in a batch.
 */
export function callActions(procedure, input, checked) {
  const status = el("p", { class: "help", role: "status", "aria-label": "Saved, shared or collected" });
  const button = (text, click) => el("button", { type: "button", class: "small", on: { click } }, text);
  const say = (...content) => status.replaceChildren(...content);

  async function keep() {
    if (holdsToken(input())) return say(HAS_TOKEN);
    if (await askAndSave(procedure.name, input())) say("Saved: see ", el("a", { href: "#/calls" }, "saved calls"), ".");
  }

  async function share() {
    if (holdsToken(input())) return say(HAS_TOKEN);
    const link = linkTo(procedure.name, input());
    const isCopied = await copy(link);
    say(
      isCopied
        ? "The link is copied. It has the input, no token, and calls nothing by itself."
        : scrolling("The link", link),
    );
  }

  function collect() {
    const value = checked();
    if (value === null) return say("");
    if (!batch.add(procedure, value)) return say(`A batch has at most ${LARGEST} calls.`);
    const count = batch.calls.length;
    say("Added: ", el("a", { href: "#/batch" }, count === 1 ? "one call is" : `${count} calls are`), " in the batch.");
  }

  const buttons = [button("Save…", keep), button("Copy link", share)];
  if (procedure.kind !== "subscription") buttons.push(button("Add to batch", collect));
  return el("div", { class: "call-actions" }, el("div", { class: "buttons" }, buttons), status);
}

/** Asks for a name and saves the call under it. Resolves with whether it was saved. */
export async function askAndSave(method, input) {
  const name = await askForText({
    title: "Save this call",
    label: "Name",
    value: method,
    note: "The procedure and the input are kept in this browser, without token and answer. A saved call of the same name is replaced.",
    action: "Save",
  });
  if (name === null) return false;
  const isKept = save(name, method, input);
  announce(isKept ? `Saved ${name}` : NOT_KEPT);
  return isKept;
}
