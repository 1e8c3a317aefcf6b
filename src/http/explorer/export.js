// The button that saves all pages of a list as CSV.

import { csvLine } from "./csv.js";
import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";

const number = new Intl.NumberFormat();

/**
 * The button and its progress. `fetchPage(cursor, signal)` resolves with a page, and `fields` are the columns: `[title, value(item)]`.
 * The file grows page by page; the browser may keep it on disk.
 */
export function createExport({ name, fields, fetchPage }) {
  const button = el("button", { type: "button", on: { click: () => start() } }, "Export CSV");
  const stop = el("button", { type: "button", on: { click: () => running?.abort() }, hidden: true }, "Stop");
  const state = el("span", { class: "help", role: "status" });
  const problem = el("div", {});
  const node = el("span", { class: "export" }, button, stop, state);
  let running = null;

  async function start() {
    if (running !== null) return;
    running = new AbortController();
    show(true);
    problem.replaceChildren();
    try {
      const { file, rows } = await collect(running.signal);
      save(file, `${name}-${new Date().toISOString().slice(0, 10)}.csv`);
      state.textContent = `Saved ${number.format(rows)} rows.`;
    } catch (error) {
      const wasStopped = running.signal.aborted;
      state.textContent = wasStopped ? "Stopped. Nothing was saved." : "";
      if (!wasStopped) problem.replaceChildren(failureBox(error));
      if (!wasStopped) announce(failureSentence(error));
    }
    running = null;
    show(false);
  }

  function show(isRunning) {
    const hadFocus = [button, stop].includes(document.activeElement);
    stop.hidden = !isRunning;
    button.hidden = isRunning;
    if (hadFocus) (isRunning ? stop : button).focus();
  }

  async function collect(signal) {
    // With a byte-order mark, spreadsheets read UTF-8.
    let file = new Blob(["\uFEFF", csvLine(fields.map(([title]) => title))], { type: "text/csv;charset=utf-8" });
    let rows = 0;
    let cursor;
    do {
      state.textContent = `${number.format(rows)} rows…`;
      const page = await patiently((again) => fetchPage(cursor, again), signal, wait);
      file = new Blob([file, ...page.items.map((item) => csvLine(fields.map(([, value]) => value(item))))], {
        type: file.type,
      });
      rows += page.items.length;
      cursor = page.nextCursor;
    } while (cursor);
    return { file, rows };
  }

  function wait(ms) {
    state.textContent = `Waiting ${Math.ceil(ms / 1000)} s for the rate limit…`;
  }

  return {
    node,
    problem,
    /** Shows the button only if there is something to save. */
    offer(hasRows) {
      node.hidden = !hasRows && running === null;
    },
    stop: () => running?.abort(),
  };
}

/** Repeats `work` whenever the rate limit refuses it, until `signal` aborts. */
async function patiently(work, signal, onWait) {
  for (;;) {
    try {
      return await work(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error.code !== "TOO_MANY_REQUESTS") throw error;
      const ms = error.retryAfterMs ?? 1000;
      onWait(ms);
      await pause(ms, signal);
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Downloads a file. */
function save(file, name) {
  const href = URL.createObjectURL(file);
  const link = el("a", { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
