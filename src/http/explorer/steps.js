// The status of a cluster as a diagram: the steps that it takes, where it is, and when it got there.

import { el } from "./dom.js";
import { moment } from "./moment.js";

/** The steps in their order. The last two lead to each other. */
const STEPS = ["PENDING", "CREATING", "INITING", "RUNNING", "STOPPED"];
const MEANINGS = {
  PENDING: "Nothing has been done yet",
  CREATING: "Machines are being created",
  INITING: "Software is being set up",
  RUNNING: "In operation",
  STOPPED: "Halted; it may run again",
  DELETED: "Soft-deleted; it can be restored",
};
const STATES = { done: "done", current: "now", ahead: "not yet" };

/** What a status says about a cluster. */
export function meaning(status) {
  return MEANINGS[status];
}

/** The next status that an admin can set; undefined if there is none. */
export function nextStatus(status) {
  return { PENDING: "CREATING", CREATING: "INITING", INITING: "RUNNING", RUNNING: "STOPPED", STOPPED: "RUNNING" }[
    status
  ];
}

/** The diagram. `reached` has the time at which the cluster last got a status, for those that are known. */
export function steps({ status, hasRun }, reached) {
  const all = status === "DELETED" ? [...STEPS, "DELETED"] : STEPS;
  return el(
    "ol",
    { class: "steps", "aria-label": "Status" },
    all.map((one) => step(one, stateOf(one, status, hasRun, reached), reached.get(one))),
  );
}

function stateOf(step, status, hasRun, reached) {
  if (step === status) return "current";
  const isBefore = STEPS.indexOf(step) < STEPS.indexOf(status);
  if (isBefore || reached.has(step)) return "done";
  // What is only known of a cluster whose events were removed.
  return hasRun && step !== "STOPPED" ? "done" : "ahead";
}

function step(status, state, at) {
  return el(
    "li",
    { class: `step ${state} ${status.toLowerCase()}`, "aria-current": state === "current" ? "step" : null },
    el("strong", {}, status),
    el("span", { class: "visually-hidden" }, `: ${STATES[state]}. `),
    el("span", { class: "help" }, meaning(status)),
    at ? el("span", { class: "help" }, moment(at)) : null,
  );
}
