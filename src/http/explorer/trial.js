// The panel that calls a procedure: its form and the result.

import { headerList, timing } from "./answer.js";
import { badge } from "./badge.js";
import { callActions } from "./call-actions.js";
import { askToConfirm, confirmation } from "./confirm.js";
import { copyButton } from "./copy.js";
import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence, requestLine } from "./failure.js";
import { jsonBlock, prettyJson } from "./json.js";
import { remember } from "./kept.js";
import { createParams } from "./params.js";
import { call } from "./rpc.js";

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
    callActions(procedure, params.value, () => {
      const { value, issues } = params.read();
      if (issues.length > 0) refuse(issues);
      return issues.length > 0 ? null : value;
    }),
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
    if (procedure.consequence !== null && !(await askToConfirm(confirmation(procedure, value)))) return;
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
    remember(procedure.name, value);
    result.replaceChildren(el("p", { class: "loading" }, "Waiting for the answer…"));
    try {
      const answer = await call(procedure.name, value, {
        signal: running.signal,
        mutates: procedure.kind === "mutation",
      });
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

function success(answer) {
  const { result, headers } = answer;
  const requestId = headers["x-request-id"];
  const copied = copyButton("result", () => prettyJson(result));
  return el(
    "div",
    {},
    el("p", { class: "result-head" }, badge("OK", "green"), timing(answer), copied),
    jsonBlock(result, "Result as JSON"),
    requestId ? requestLine(requestId) : null,
    headerList(answer),
  );
}

function details(error) {
  const object = error.object
    ? el("details", {}, el("summary", {}, "Error object"), jsonBlock(error.object, "Error object as JSON"))
    : null;
  const facts = timing(error);
  return el("div", {}, facts.length > 0 ? el("p", { class: "result-head" }, facts) : null, object, headerList(error));
}
