// The dashboard's tab about Stripe: its events, why some failed, their replay, and reconciling. Nothing announces an event, so
// the tab is read again while somebody looks at it.

import { action } from "./action.js";
import { badge } from "./badge.js";
import { copyAction, copyButton } from "./copy.js";
import { announce, el } from "./dom.js";
import { dotted, facts, fitting } from "./facts.js";
import { failureBox, failureSentence } from "./failure.js";
import { keepFocus } from "./focus.js";
import { createGathering } from "./gather.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { renewWhileSeen } from "./renewal.js";
import { call } from "./rpc.js";
import { counts } from "./scale.js";
import { FAILURES, loadFailures } from "./series.js";
import { withPicture } from "./sparkline.js";
import { section } from "./thing.js";
import { reconcileButton } from "./user-actions.js";
import { createUserFinder } from "./user-finder.js";
import { visible, visibleLines } from "./visible.js";

const TRY = "clusterdesk webhooks reconcile --dry-run";
const DO = "clusterdesk webhooks reconcile";

/** Shows the tab in `node`. Returns a function that stops it. */
export function showStripe(node, registry, query) {
  const state = el("div", { class: "thing" }, el("p", { class: "loading" }, "Loading…"));
  const reconcile = reconciliation(() => page.reload());
  const place = el("div", {});
  node.replaceChildren(el("div", { class: "stack" }, state, section("Events", place)));
  const list = showList(place, registry, {
    procedureName: "admin.webhookEvents",
    place: "dashboard/stripe",
    noun: "Events",
    query,
    columns: [
      {
        title: "Event",
        cell: ({ id, type }) => [dotted(type), el("code", { class: "cut wide help", title: visible(id) }, visible(id))],
        fields: { id: ({ id }) => id, type: ({ type }) => type },
      },
      {
        title: "State",
        cell: (event) => badge(...stateOf(event)),
        fields: { state: (event) => stateOf(event)[0] },
      },
      {
        title: "Reason",
        cell: ({ error }) => (error ? visibleLines(error) : "–"),
        fields: { reason: ({ error }) => error },
      },
      {
        title: "Attempts",
        cell: ({ attempts }) => String(attempts),
        fields: { attempts: ({ attempts }) => attempts },
      },
      {
        title: "Received",
        sort: "receivedAt",
        cell: ({ receivedAt }) => moment(receivedAt),
        fields: { created: ({ createdAt }) => createdAt, received: ({ receivedAt }) => receivedAt },
      },
      {
        title: "Processed",
        cell: ({ processedAt }) => moment(processedAt),
        fields: { processed: ({ processedAt }) => processedAt },
      },
    ],
    actions: (event) => ({ label: `event ${visible(event.id)}`, items: () => menu(event, page) }),
  });
  // A replay changes the numbers too.
  const page = { ...list, reload: () => Promise.all([list.reload(), load()]) };
  const changes = createGathering(() => load({ isQuiet: true }));
  const stopRenewal = renewWhileSeen(() => {
    list.refresh();
    changes.ask();
  });
  let loads = 0;
  let shown = "";
  load();
  return () => {
    loads += 1;
    stopRenewal();
    changes.stop();
    list.stop();
    reconcile.stop();
  };

  async function load({ isQuiet = false } = {}) {
    loads += 1;
    const own = loads;
    try {
      const [health, audit, failures] = await Promise.all([
        call("admin.health"),
        call("admin.auditLog", { procedure: "webhooks.reconcile", limit: 1 }),
        loadFailures(),
      ]);
      if (own === loads) show(health.result.billing, audit.result.items[0], failures);
    } catch (error) {
      // What is shown stays until the server has time.
      if (own !== loads || (isQuiet && changes.askAfter(error))) return;
      shown = "";
      state.replaceChildren(failureBox(error, { retry: () => load() }));
      announce(failureSentence(error));
    }
  }

  function show(account, last, failures) {
    const now = JSON.stringify([account, last, failures]);
    if (now === shown) return;
    shown = now;
    reconcile.show(last);
    const first = state.firstElementChild;
    // Not both, which would take the field away from who types in it.
    if (state.contains(reconcile.node)) keepFocus(state, () => first.replaceWith(billing(account, failures)));
    else state.replaceChildren(billing(account, failures), reconcile.node);
  }
}

/** The word and the colour for how far an event has come. */
function stateOf({ processedAt, error }) {
  if (processedAt === null) return ["failed", "red"];
  return error === null ? ["processed", "green"] : ["noted", "amber"];
}

function menu(event, page) {
  const { id, processedAt } = event;
  return [
    processedAt === null ? replay(event, page) : null,
    { text: "History", href: `#/dashboard/audit?${new URLSearchParams({ entity: "stripe_event", entityId: id })}` },
    copyAction("Copy id", id),
  ];
}

function replay(event, page) {
  const { id, type } = event;
  return action(page, {
    text: "Replay…",
    item: event,
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

function billing({ configured, suspended, failedEvents }, failures) {
  const many = failedEvents === 1 ? "1 failed event waits" : `${failedEvents} failed events wait`;
  const link = el("a", { href: "#/dashboard/stripe?failed=true" }, "Show");
  const key = configured ? "configured" : "not configured";
  return section(
    "Account",
    facts([
      ["Secret key", badge(key, configured ? "green" : "grey")],
      ["Requests", suspended ? badge("suspended after repeated failures", "red") : badge("allowed", "green")],
      [
        "Events",
        withPicture(
          failedEvents === 0 ? "None waits for a replay." : [`${many} for a replay. `, link],
          failures,
          FAILURES,
          counts,
        ),
      ],
    ]),
  );
}

/**
 * Asking Stripe about one customer, and a command for all: asking about every subscription takes longer than a call may. `onDone()` is
 * called after one was asked about. Returns `{node, show(last), stop()}`.
 */
function reconciliation(onDone) {
  const finder = createUserFinder({ label: "Find a user", button: reconcileButton, onDone });
  const made = el("p", { class: "help" });
  const node = section(
    "Reconcile",
    el(
      "p",
      { class: "help" },
      "For one user, Stripe is asked for their subscriptions, and what is newer there is applied. Search by name, email or id.",
    ),
    finder.node,
    el(
      "p",
      { class: "help" },
      "After an outage, Stripe is asked for the events of the last 30 days and for each subscription that has not ended; what is missing is applied as if it had been received. That takes longer than a call may, so a command does it, on the server's machine. The first one only says what would change.",
    ),
    command(TRY),
    command(DO),
    made,
  );
  return {
    node,
    show(last) {
      made.replaceChildren(
        ...(last ? ["Last change made by it: ", moment(last.createdAt), "."] : ["It has changed nothing so far."]),
      );
    },
    stop: finder.stop,
  };
}

function command(text) {
  return el(
    "p",
    { class: "copyable" },
    fitting("code", text),
    copyButton(text, () => text),
  );
}
