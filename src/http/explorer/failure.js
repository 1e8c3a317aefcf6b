// Shows errors.

import { badge } from "./badge.js";
import { copyButton } from "./copy.js";
import { el } from "./dom.js";

/** A box with an error's code, message, issues, time to wait and request id. */
export function failureBox(error, { issues = error.issues ?? [], retry = null } = {}) {
  const more = issues.filter((issue) => !error.message.includes(issue.message));
  const status = error.httpStatus ? el("span", { class: "help" }, `HTTP ${error.httpStatus}`) : null;
  const box = el(
    "div",
    { class: "notice bad" },
    el("p", { class: "notice-head" }, badge(error.code, "red"), status),
    el("p", {}, error.message),
    more.length > 0 ? el("ul", {}, more.map(issueLine)) : null,
    error.retryAfterMs === undefined ? null : countdown(error.retryAfterMs),
    error.requestId ? requestLine(error.requestId) : null,
    retry ? el("button", { type: "button", on: { click: retry } }, "Try again") : null,
  );
  return box;
}

function issueLine({ path, message }) {
  return path ? el("li", {}, el("code", {}, path), " ", message) : el("li", {}, message);
}

/** The id that identifies the request in the server's log. */
export function requestLine(requestId) {
  return el(
    "p",
    { class: "request-id" },
    "Request id ",
    el("code", {}, requestId),
    " ",
    copyButton("request id", () => requestId),
  );
}

/** Counts down until the next attempt makes sense. Screen readers get the time once, from `failureSentence`. */
function countdown(ms) {
  const until = Date.now() + ms;
  const line = el("p", { class: "wait" });
  const timer = setInterval(show, 250);
  function show() {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    line.textContent = seconds > 0 ? `Try again in ${seconds} s.` : "You can try again now.";
    if (seconds <= 0) clearInterval(timer);
  }
  show();
  return line;
}

/** The error as a sentence, for screen readers. */
export function failureSentence(error) {
  const wait = error.retryAfterMs === undefined ? "" : ` Try again in ${Math.ceil(error.retryAfterMs / 1000)} seconds.`;
  return `${error.code}: ${error.message}${wait}`;
}
