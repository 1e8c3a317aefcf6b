// The panel of a subscription: starts and stops it, and lists its events, newest first.

import { signIn } from "./account.js";
import { callActions } from "./call-actions.js";
import { announce, el, uniqueId } from "./dom.js";
import { eventLine, eventSentence } from "./events.js";
import { failureBox, failureSentence } from "./failure.js";
import { remember } from "./kept.js";
import { createParams } from "./params.js";
import { watch } from "./rpc.js";
import { session } from "./session.js";

/** The most events that the list holds. */
const KEPT = 200;

/** The panel for a subscription. `onInput` is called when the input changes. */
export function createLive(procedure, registry, onInput) {
  const params = createParams(procedure, registry, onInput);
  const heading = el("h2", { id: uniqueId("live") }, "Watch");
  const toggle = el("button", { type: "submit", class: "primary" }, "Start watching");
  const clear = el("button", { type: "button", on: { click: clearEvents } }, "Clear");
  const state = el("p", { class: "live-state", role: "status", "aria-label": "Connection" });
  const problem = el("div", {});
  const empty = el("p", { class: "empty" }, "No events yet. They appear here as soon as they are committed.");
  const list = el("ol", { class: "events", "aria-label": "Events", reversed: true });
  const form = el(
    "form",
    { novalidate: true, autocomplete: "off", "aria-labelledby": heading.id },
    params.node,
    el("div", { class: "buttons" }, toggle, clear),
  );
  const head = el("div", { class: "panel-head" }, heading, params.switcher);
  const actions = callActions(procedure, params.value, () => null);
  const content = [head, form, actions, problem, state, empty, list];
  const node = el("section", { class: "panel live", "aria-labelledby": heading.id }, content);
  /** The running subscription, `{watcher, stop()}`; null if there is none. */
  let running = null;
  let count = 0;
  let countdown = null;
  const stopListening = session.onChange(stop);
  showState("grey", "Not watching.");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) stop();
    else start();
  });

  function start() {
    const { value, issues } = params.read();
    const others = params.show(issues);
    problem.replaceChildren(...others.map((issue) => el("p", { class: "error" }, issue.message)));
    if (issues.length > 0) return;
    remember(procedure.name, value);
    begin(value);
  }

  function begin(input) {
    toggle.textContent = "Stop watching";
    running = watch(procedure.name, input, { onEvent: add, onStateChange: change, onRetry: wait });
  }

  /** Asks for a new token, and goes on after the last event if it is the same user's. */
  async function resume(input, userId) {
    await signIn();
    if (session.user?.id === userId && !running) begin(input);
  }

  function stop() {
    running?.stop();
  }

  function change(name, error) {
    clearInterval(countdown);
    if (name === "connecting") showState("amber", "Connecting…");
    if (name === "open") {
      const id = running.watcher.params?.lastEventId;
      showState(
        "green",
        id ? `Live. No event after ${id} is lost.` : "Live. Changes appear as soon as they are committed.",
      );
    }
    if (name === "closed") {
      const input = running?.watcher.params;
      running = null;
      toggle.textContent = "Start watching";
      showState(error ? "red" : "grey", error ? "Ended by the server." : "Not watching.");
      if (error) fail(error);
      if (error?.code === "UNAUTHORIZED" && input?.lastEventId && session.user) {
        const userId = session.user.id;
        const again = () => void resume(input, userId);
        problem.append(el("button", { type: "button", on: { click: again } }, "Sign in again and resume"));
      }
    }
  }

  function fail(error) {
    const others = params.show(error.issues ?? []);
    problem.replaceChildren(failureBox(error, { issues: others }));
    announce(failureSentence(error));
  }

  function wait({ attempt, delayMs }) {
    clearInterval(countdown);
    const until = Date.now() + delayMs;
    const again = attempt > 1 ? ` (attempt ${attempt})` : "";
    showState("amber", `Connection lost. Reconnecting${again}…`);
    // Hidden from screen readers, which would read the status out every second.
    const left = el("span", { "aria-hidden": "true" });
    state.append(" ", left);
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      left.textContent = seconds > 0 ? `${seconds} s` : "";
    };
    tick();
    countdown = setInterval(tick, 250);
  }

  function showState(tone, text) {
    state.replaceChildren(el("span", { class: `dot ${tone}`, "aria-hidden": "true" }), text);
  }

  function add(event) {
    count += 1;
    empty.hidden = true;
    list.prepend(eventLine(event));
    while (list.children.length > KEPT) list.lastChild.remove();
    announce(`Event ${count}: ${eventSentence(event)}`);
  }

  function clearEvents() {
    count = 0;
    list.replaceChildren();
    empty.hidden = false;
  }

  return {
    node,
    input: params.value,
    fill: params.fill,
    stop() {
      stopListening();
      stop();
      clearInterval(countdown);
    },
  };
}
