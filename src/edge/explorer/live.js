// Watching a subscription: start, stop, and what has happened, newest first.

import { badge } from "./badge.js";
import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { jsonBlock } from "./json.js";
import { createParams } from "./params.js";
import { session } from "./session.js";
import { moment } from "./moment.js";
import { Watch } from "./watch.js";

/** Events that stay on the page. */
const KEPT = 200;

/** The panel for a subscription. `onInput` is called as the input changes. */
export function createLive(procedure, registry, onInput) {
  const params = createParams(procedure, registry, onInput);
  const heading = el("h2", { id: uniqueId("live") }, "Watch");
  const toggle = el("button", { type: "submit", class: "primary" }, "Start watching");
  const clear = el("button", { type: "button", on: { click: () => forget() } }, "Clear");
  const state = el(
    "p",
    { class: "live-state", role: "status", "aria-label": "Connection" },
    dot("grey"),
    "Not watching.",
  );
  const problem = el("div", {});
  const empty = el("p", { class: "empty" }, "Nothing yet. Events appear here as they are committed.");
  const list = el("ol", { class: "events", "aria-label": "Events", reversed: true });
  const form = el(
    "form",
    { novalidate: true, autocomplete: "off", "aria-labelledby": heading.id },
    params.node,
    el("div", { class: "buttons" }, toggle, clear),
  );
  const head = el("div", { class: "panel-head" }, heading, params.switcher);
  const node = el(
    "section",
    { class: "panel live", "aria-labelledby": heading.id },
    head,
    form,
    problem,
    state,
    empty,
    list,
  );
  let watch = null;
  let count = 0;
  let countdown = null;
  const stopListening = session.onChange(() => watch?.stop());

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (watch) watch.stop();
    else start();
  });

  function start() {
    const { value, issues } = params.read();
    const others = params.show(issues);
    problem.replaceChildren(...others.map((issue) => el("p", { class: "error" }, issue.message)));
    if (issues.length > 0) return;
    watch = new Watch(procedure.name, value, session.token, { onEvent: add, onState: show });
    toggle.textContent = "Stop watching";
    watch.start();
  }

  function show({ name, ms, attempt, error }) {
    clearInterval(countdown);
    if (name === "connecting") say("amber", "Connecting…");
    if (name === "live")
      say(
        "green",
        watch.lastEventId
          ? `Live. Nothing after event ${watch.lastEventId} is missed.`
          : "Live. Changes appear as they are committed.",
      );
    if (name === "waiting") wait(Date.now() + ms, attempt);
    if (name === "stopped" || name === "failed") {
      watch = null;
      toggle.textContent = "Start watching";
      say(name === "failed" ? "red" : "grey", name === "failed" ? "Ended by the server." : "Not watching.");
    }
    if (name === "failed") {
      const others = params.show(error.issues);
      problem.replaceChildren(failureBox(error, { issues: others }));
      announce(failureSentence(error));
    }
  }

  function say(tone, text) {
    state.replaceChildren(dot(tone), text);
  }

  function wait(until, attempt) {
    const again = attempt > 1 ? ` (attempt ${attempt})` : "";
    say("amber", `Connection lost. Reconnecting${again}…`);
    // The seconds are for eyes only: a status that speaks each second would be a nuisance.
    const left = el("span", { "aria-hidden": "true" });
    state.append(" ", left);
    const tick = () => (left.textContent = `${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`);
    tick();
    countdown = setInterval(tick, 250);
  }

  function add(event) {
    count += 1;
    empty.hidden = true;
    list.prepend(eventLine(event));
    while (list.children.length > KEPT) list.lastChild.remove();
    announce(`Event ${count}: ${sentence(event)}`);
  }

  function forget() {
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
      clearInterval(countdown);
      watch?.stop();
    },
  };
}

function dot(tone) {
  return el("span", { class: `dot ${tone}`, "aria-hidden": "true" });
}

function sentence(event) {
  const { type = "event", cluster } = event ?? {};
  if (type === "ready") return "watching from here on";
  if (type === "lagged") return "lagged: there was more than could be sent, and what was missed follows";
  return cluster ? `${type}, cluster ${cluster.id} ${cluster.name}` : String(type);
}

function eventLine(event) {
  const { type = "event", id, at, cluster } = event ?? {};
  const head = [
    badge(String(type)),
    cluster ? el("span", {}, el("strong", {}, cluster.name), ` #${cluster.id}`) : null,
    cluster ? badge(cluster.status) : null,
    cluster
      ? el("span", { class: "help" }, [cluster.plan, cluster.location, cluster.authUserId].filter(Boolean).join(" · "))
      : null,
    type === "ready" ? el("span", { class: "help" }, "Watching from here on.") : null,
    type === "lagged"
      ? el("span", { class: "help" }, "More happened than could be sent; what was missed follows.")
      : null,
    el("span", { class: "spring" }),
    at ? moment(at) : null,
    id ? el("code", { class: "help" }, id) : null,
  ];
  return el("li", {}, el("details", {}, el("summary", {}, head), jsonBlock(event, "Event as JSON")));
}
