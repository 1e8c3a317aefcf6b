// The panel that calls a procedure: its form and the result.

import { askToConfirm } from "./confirm.js";
import { copyButton } from "./copy.js";
import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence, requestLine } from "./failure.js";
import { jsonBlock, prettyJson } from "./json.js";
import { createParams } from "./params.js";
import { call } from "./rpc.js";
import { visibleLines } from "./visible.js";

/** The panel for a query or a mutation. `onInput` is called when the input changes. */
export function createTrial(procedure, registry, onInput) {
  const params = createParams(procedure, registry, onInput);
  const heading = el("h2", { id: uniqueId("trial") }, "Try it");
  const send = el("button", { type: "submit", class: "primary" }, `Call ${procedure.name}`);
  const cancel = el("button", { type: "button", hidden: true }, "Cancel");
  const result = el("section", { class: "result", "aria-label": "Result" });
  const buttons = el("div", { class: "buttons" }, send, cancel);
  const form = el(
    "form",
    { novalidate: true, autocomplete: "off", "aria-labelledby": heading.id },
    params.node,
    buttons,
  );
  const node = el(
    "section",
    { class: "panel", "aria-labelledby": heading.id },
    el("div", { class: "panel-head" }, heading, params.switcher),
    form,
    result,
  );
  let running = null;
  let left = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    const { value, issues } = params.read();
    if (issues.length > 0) {
      refuse(issues);
      return;
    }
    params.show([]);
    if (isDeletion(procedure) && !(await askToConfirm(confirmation(procedure, value)))) return;
    await run(value);
  });
  cancel.addEventListener("click", () => running?.abort());

  function refuse(issues) {
    const others = params.show(issues);
    const count = issues.length === 1 ? "One field is invalid." : `${issues.length} fields are invalid.`;
    const list =
      others.length > 0
        ? el(
            "ul",
            {},
            others.map((issue) => el("li", {}, issue.message)),
          )
        : null;
    result.replaceChildren(el("div", { class: "notice warn" }, el("p", {}, `${count} Nothing was sent.`), list));
    announce(`${count} ${issues.map((issue) => `${issue.path} ${issue.message}`).join(". ")}`);
  }

  async function run(value) {
    running = new AbortController();
    setRunning(true);
    result.replaceChildren(el("p", { class: "loading" }, "Waiting for the answer…"));
    try {
      const answer = await call(procedure.name, value, { signal: running.signal });
      result.replaceChildren(success(answer));
      announce(`Succeeded in ${Math.round(answer.ms)} milliseconds`);
    } catch (error) {
      if (left) return;
      if (error.name === "AbortError") {
        result.replaceChildren(el("p", { class: "help" }, "Cancelled. The server may still have executed the call."));
        announce("Cancelled");
      } else {
        fail(error);
      }
    }
    running = null;
    setRunning(false);
  }

  function fail(error) {
    const others = params.show(error.issues ?? []);
    result.replaceChildren(failureBox(error, { issues: others }), details(error));
    announce(failureSentence(error));
  }

  function setRunning(busy) {
    send.setAttribute("aria-disabled", String(busy));
    cancel.hidden = !busy;
    result.setAttribute("aria-busy", String(busy));
  }

  return { node, input: params.value, fill: params.fill, stop };

  function stop() {
    left = true;
    running?.abort();
  }
}

function success({ result, requestId, ms, remaining, limit }) {
  const left = remaining === null ? null : el("span", { class: "help" }, `${remaining} of ${limit} calls left`);
  const head = el(
    "p",
    { class: "result-head" },
    el("span", { class: "badge green" }, "OK"),
    el("span", { class: "help" }, `${Math.round(ms)} ms`),
    left,
  );
  head.append(copyButton("result", () => prettyJson(result)));
  return el("div", {}, head, jsonBlock(result, "Result as JSON"), requestId ? requestLine(requestId) : null);
}

function details(error) {
  if (error.object === undefined) return "";
  return el("details", {}, el("summary", {}, "Error object"), jsonBlock(error.object, "Error object as JSON"));
}

/** Whether to ask before calling: not every deletion can be undone. */
function isDeletion(procedure) {
  return procedure.kind === "mutation" && /delete/i.test(procedure.name);
}

function confirmation(procedure, value) {
  return {
    title: `Call ${procedure.name}?`,
    text: procedure.summary,
    detail: visibleLines(prettyJson(value)),
    action: `Yes, call ${procedure.name}`,
  };
}
