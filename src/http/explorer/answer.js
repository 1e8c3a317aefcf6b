// What came with an answer beside its content: how long it took, and headers.

import { copyButton } from "./copy.js";
import { el } from "./dom.js";
import { fitting } from "./facts.js";

/** Said of the answer to a call that was repeated with its idempotency key. */
export const STORED = "stored answer to an earlier call";

/**
 * The milliseconds, what is left of the rate limit, and whether it was stored before.
 * @param {{ms?: number, headers?: Record<string, string>, isStored?: boolean}} answer
 */
export function timing({ ms = undefined, headers = {}, isStored = false }) {
  if (ms === undefined) return [];
  const { "x-ratelimit-remaining": remaining, "x-ratelimit-limit": limit } = headers;
  const words = [
    `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`,
    remaining === undefined ? "" : `${remaining} of ${limit} calls left`,
    isStored ? STORED : "",
  ];
  return words.filter(Boolean).map((text) => el("span", { class: "help" }, text));
}

/** The headers, collapsed; null if there are none. */
export function headerList({ headers = {} }) {
  const rows = Object.entries(headers).map(([name, value]) => [
    el("dt", {}, el("code", {}, name)),
    el(
      "dd",
      {},
      fitting("code", value),
      " ",
      copyButton(name, () => value),
    ),
  ]);
  if (rows.length === 0) return null;
  return el("details", {}, el("summary", {}, "Headers"), el("dl", { class: "facts headers" }, rows));
}
