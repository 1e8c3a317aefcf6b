// What an error says, shown.

import { badge } from "./badge.js";
import { copyButton } from "./copy.js";
import { el } from "./dom.js";

/** A box with an error: its code, its sentence, what to quote when asking for help, and how long to wait. */
export function failureBox(error, { issues = error.issues, retry } = {}) {
  const more = issues.filter((issue) => !error.message.includes(issue.message));
  const status = error.httpStatus ? el("span", { class: "help" }, `HTTP ${error.httpStatus}`) : null;
  const box = el(
    "div",
    { class: "notice bad" },
    el("p", { class: "notice-head" }, badge(error.code, "red"), status),
    el("p", {}, error.message),
    more.length > 0 ? el("ul", {}, more.map(issueLine)) : null,
    error.retryAfterMs === null ? null : countdown(error.retryAfterMs),
    error.requestId ? requestLine(error.requestId) : null,
    retry ? el("button", { type: "button", on: { click: retry } }, "Try again") : null,
  );
  return box;
}

function issueLine({ path, message }) {
  return path ? el("li", {}, el("code", {}, path), " ", message) : el("li", {}, message);
}

/** The id under which the server's log has more, to quote. */
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

/** Seconds until the next try is worth it, counted down. Not announced every second: the sentence before it was. */
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

/** The same for ears. */
export function failureSentence(error) {
  const wait = error.retryAfterMs === null ? "" : ` Try again in ${Math.ceil(error.retryAfterMs / 1000)} seconds.`;
  return `${error.code}: ${error.message}${wait}`;
}
