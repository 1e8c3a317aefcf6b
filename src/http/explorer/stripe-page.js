// The dashboard's tab about Stripe: its events, why some failed, their replay, and how to reconcile.

import { actionButton } from "./action.js";
import { badge } from "./badge.js";
import { copyButton } from "./copy.js";
import { announce, el } from "./dom.js";
import { copyable, dotted } from "./facts.js";
import { failureBox, failureSentence } from "./failure.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { call } from "./rpc.js";
import { section } from "./thing.js";
import { visible, visibleLines } from "./visible.js";

const TRY = "clusterdesk webhooks reconcile --dry-run";
const DO = "clusterdesk webhooks reconcile";

export function showStripe(node, registry, query) {
  const state = el("div", { class: "thing" }, el("p", { class: "loading" }, "Loading…"));
  const place = el("div", {});
  node.replaceChildren(el("div", { class: "stack" }, state, section("Events", place)));
  const list = showList(place, registry, {
    procedureName: "admin.webhookEvents",
    place: "dashboard/stripe",
    noun: "Events",
    query,
    columns: [
      { title: "Event", cell: ({ id, type }) => [dotted(type), el("div", {}, copyable("the event's id", id))] },
      { title: "State", cell: (event) => badge(...stateOf(event)) },
      { title: "Reason", cell: ({ error }) => (error ? visibleLines(error) : "–") },
      { title: "Attempts", cell: ({ attempts }) => String(attempts) },
      { title: "Received", cell: ({ receivedAt }) => moment(receivedAt) },
      { title: "Processed", cell: ({ processedAt }) => moment(processedAt) },
      { title: "Actions", cell: (event) => (event.processedAt === null ? replay(event, page) : "–") },
    ],
  });
  // A replay changes the numbers too.
  const page = { showNotice: list.showNotice, reload: () => Promise.all([list.reload(), load()]) };
  load();

  async function load() {
    try {
      const [health, audit] = await Promise.all([
        call("admin.health"),
        call("admin.auditLog", { procedure: "webhooks.reconcile", limit: 1 }),
      ]);
      state.replaceChildren(billing(health.result.billing), reconciliation(audit.result.items[0]));
    } catch (error) {
      state.replaceChildren(failureBox(error, { retry: load }));
      announce(failureSentence(error));
    }
  }
}

/** The word and the colour for how far an event has come. */
function stateOf({ processedAt, error }) {
  if (processedAt === null) return ["failed", "red"];
  return error === null ? ["processed", "green"] : ["noted", "amber"];
}

function replay({ id, type }, page) {
  return actionButton(page, {
    text: "Replay",
    label: `Replay ${id}`,
    method: "admin.replayWebhook",
    input: { eventId: id },
    done: (result) => outcome(id, result),
    question: {
      title: "Replay the event?",
      text: "It is processed once more, as if Stripe had just sent it. That may change the plan of a customer.",
      detail: `${visible(id)}\n${visible(type)}`,
      detailLabel: "Event",
      action: "Replay",
    },
  });
}

function outcome(id, { success, error }) {
  if (success) return el("p", { class: "notice good" }, `${id} has been processed.`);
  return el("p", { class: "notice bad" }, `${id} failed again: ${visibleLines(error ?? "")}`);
}

function billing({ configured, suspended, failedEvents }) {
  const many = failedEvents === 1 ? "1 failed event waits" : `${failedEvents} failed events wait`;
  const link = el("a", { href: "#/dashboard/stripe?failed=true" }, "Show");
  const key = configured ? "configured" : "not configured";
  return section(
    "Account",
    el(
      "dl",
      { class: "facts" },
      el("dt", {}, "Secret key"),
      el("dd", {}, badge(key, configured ? "green" : "grey")),
      el("dt", {}, "Requests"),
      el("dd", {}, suspended ? badge("suspended after repeated failures", "red") : badge("allowed", "green")),
      el("dt", {}, "Events"),
      el("dd", {}, failedEvents === 0 ? "None waits for a replay." : [`${many} for a replay. `, link]),
    ),
  );
}

/** Asking Stripe about every subscription takes longer than a call may, so a command does it. */
function reconciliation(last) {
  return section(
    "Reconcile",
    el(
      "p",
      { class: "help" },
      "After an outage, Stripe is asked for the events of the last 30 days and for each subscription that has not ended; what is missing is applied as if it had been received. That takes longer than a call may, so a command does it, on the server's machine. The first one only says what would change.",
    ),
    command(TRY),
    command(DO),
    el(
      "p",
      { class: "help" },
      last ? ["Last change made by it: ", moment(last.createdAt), "."] : "It has changed nothing so far.",
    ),
    el("p", { class: "help" }, "For one customer, their page has a button."),
  );
}

function command(text) {
  return el(
    "p",
    { class: "copyable" },
    el("code", { class: "breakable" }, text),
    copyButton(text, () => text),
  );
}
