// The view of the batch: the collected calls, each with its state and, afterwards, its answer.

import { headerList, STORED, timing } from "./answer.js";
import { badge } from "./badge.js";
import { batch, LARGEST } from "./batch.js";
import { askToConfirm, batchConfirmation } from "./confirm.js";
import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { jsonBlock } from "./json.js";
import { fragment } from "./link.js";

const LEAD =
  "Calls that are sent together, in one JSON-RPC request. The server executes them side by side and answers in their order; one that fails does not stop the others.";
const EMPTY = "No calls yet. Open a procedure, fill in its form, and press “Add to batch”.";
/** The words and colours of the states. */
const STATES = {
  waiting: ["waiting", "grey"],
  sent: ["sent", "blue"],
  done: ["OK", "green"],
  failed: ["failed", "red"],
  unknown: ["no answer", "amber"],
};

/** Shows the view in `main`. Returns a function that stops it. */
export function showBatch(main, registry) {
  const heading = el("h1", { tabindex: "-1" }, "Batch");
  const send = el("button", { type: "button", class: "primary", on: { click: submit } }, "Send");
  const cancel = el("button", { type: "button", on: { click: batch.cancel } }, "Cancel");
  const clear = el("button", { type: "button", on: { click: empty } }, "Remove all");
  const outcome = el("section", { class: "result", "aria-label": "Outcome" });
  const list = el("div", {});
  main.replaceChildren(
    el("header", { class: "page-head" }, heading, el("p", { class: "lead" }, LEAD)),
    el("div", { class: "buttons" }, send, cancel, clear),
    outcome,
    list,
  );
  const stopListening = batch.onChange(show);
  show();
  return stopListening;

  function show() {
    const { calls, isSending } = batch;
    send.textContent = calls.length === 1 ? "Send 1 call" : `Send ${calls.length} calls`;
    send.hidden = calls.length === 0;
    send.setAttribute("aria-disabled", String(isSending));
    cancel.hidden = !isSending;
    clear.hidden = calls.length === 0 || isSending;
    outcome.replaceChildren(...summary());
    list.replaceChildren(
      calls.length === 0
        ? el("p", { class: "empty" }, EMPTY)
        : el("ol", { class: "shape", "aria-label": "Calls" }, calls.map(item)),
    );
  }

  function item(call, index) {
    const [word, tone] = STATES[call.state];
    const name = `${index + 1}. ${call.method}`;
    const remove = () => {
      batch.remove(call);
      announce(`Removed ${name}`);
      heading.focus();
    };
    const attributes = { type: "button", class: "small", "aria-label": `Remove ${name}`, on: { click: remove } };
    return el(
      "li",
      { class: "call" },
      el(
        "div",
        { class: "entry" },
        el("span", { class: "type" }, `${index + 1}.`),
        el("a", { class: "code", href: fragment(call.method, call.input) }, call.method),
        badge(call.error?.code ?? word, tone),
        call.isStored ? el("span", { class: "help" }, STORED) : null,
        el("code", { class: "help preview" }, JSON.stringify(call.input)),
        el("span", { class: "actions" }, batch.isSending ? null : el("button", attributes, "Remove")),
      ),
      call.state === "done" ? jsonBlock(call.result, `Result of ${name}`) : null,
      call.error ? failureBox(call.error) : null,
    );
  }

  async function submit() {
    if (batch.isSending) return;
    const calls = batch.calls.map(({ method, input }) => ({ procedure: registry.byName.get(method), input }));
    const consequential = calls.filter(({ procedure }) => procedure.consequence !== null);
    if (consequential.length > 0 && !(await askToConfirm(batchConfirmation(consequential)))) return;
    const { error } = await batch.send();
    announce(error ? sentence(error) : `Answered: ${count("done")} succeeded, ${count("failed")} failed`);
  }

  function empty() {
    batch.clear();
    announce("Removed all calls");
    heading.focus();
  }
}

function count(state) {
  return batch.calls.filter((call) => call.state === state).length;
}

function sentence(error) {
  return error.name === "AbortError" ? "Cancelled" : failureSentence(error);
}

/** What came of the last time. */
function summary() {
  const { outcome, isSending, calls } = batch;
  if (isSending) return [el("p", { class: "loading" }, "Waiting for the answers…")];
  if (outcome === null) {
    return calls.length < LARGEST ? [] : [el("p", { class: "help" }, `A batch has at most ${LARGEST} calls.`)];
  }
  const { error } = outcome;
  if (error?.name === "AbortError") {
    return [el("p", { class: "help" }, "Cancelled. The server may still have executed the calls.")];
  }
  if (error) return [failureBox(error), headerList(error)].filter(Boolean);
  const words = `${count("done")} succeeded, ${count("failed")} failed`;
  const head = el("p", { class: "result-head" }, el("span", {}, words), timing(outcome));
  return [head, headerList(outcome)].filter(Boolean);
}
