// Loads series of `admin.series`, several in one message.

import { callAll } from "./rpc.js";
import { session } from "./session.js";

export const DAY = 24 * 60 * 60 * 1000;

/** Changes can be asked for 31 days at a time. */
const PIECE = 31 * DAY;

/** What has been loaded of days that are over, by the request: nothing can be added to these. */
const past = new Map();
session.onChange(() => past.clear());

/** A request for the last `days`, today included. Days are those of UTC. */
export function lastDays(metric, days) {
  const from = Math.floor(Date.now() / DAY) * DAY - (days - 1) * DAY;
  return { metric, from: new Date(from).toISOString() };
}

/** A request for the last `months`, the current one included. */
export function lastMonths(metric, months) {
  const now = new Date();
  const from = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - (months - 1));
  return { metric, bucket: "month", from: new Date(from).toISOString() };
}

/** The lines of a series as one; null if there are none. */
export function sums(lines) {
  if (lines.length === 0) return null;
  return lines[0].values.map((_, index) => lines.reduce((sum, { values }) => sum + values[index], 0));
}

/**
 * Sends requests, together with other `calls`, `{method, params}`. Resolves with the answers to both, `{result}` or `{error}` each.
 * What is known of the past is not asked for again.
 */
export async function loadSeries(requests, calls = []) {
  const pieces = requests.map(piecesOf);
  const missing = pieces.flat().filter((params) => !past.has(keyOf(params)));
  const all = [...calls, ...missing.map((params) => ({ method: "admin.series", params }))];
  const { answers } = await callAll(all);
  const others = answers.splice(0, calls.length);
  const found = new Map(missing.map((params, index) => [keyOf(params), answers[index]]));
  const series = pieces.map((some) =>
    joined(some.map((params) => found.get(keyOf(params)) ?? past.get(keyOf(params)))),
  );
  for (const params of missing) keep(params, found.get(keyOf(params)));
  return { series, answers: others };
}

/** What the picture of failed events shows. */
export const FAILURES = "Failed on arrival in 30 days";

/** The numbers of Stripe's events that failed, day by day; null if there are none, or they can't be had: pages do without. */
export async function loadFailures() {
  try {
    const { series } = await loadSeries([lastDays("webhookFailures", 30)]);
    return sums(series[0].result?.lines ?? []);
  } catch {
    return null;
  }
}

const keyOf = (params) => JSON.stringify(params);

/** Keeps the answer to a request for days that are over. */
function keep(params, answer) {
  if (params.to !== undefined && answer.error === undefined) past.set(keyOf(params), answer);
}

/** The requests for the parts of a long time. They end on the same days, whatever its length, and only the last one has no end. */
function piecesOf(request) {
  if (request.metric !== "changes" || request.bucket === "hour") return [request];
  const start = Date.parse(request.from);
  const pieces = [];
  let to;
  for (let end = tomorrow(); end > start; end -= PIECE) {
    const from = Math.max(start, end - PIECE);
    pieces.unshift({ ...request, from: new Date(from).toISOString(), to });
    to = new Date(from).toISOString();
  }
  return pieces;
}

/** The end of the current day in UTC. */
function tomorrow() {
  return (Math.floor(Date.now() / DAY) + 1) * DAY;
}

/** The answers to the parts as one. */
function joined(answers) {
  const failed = answers.find(({ error }) => error !== undefined);
  if (failed) return failed;
  const [first, ...rest] = answers.map(({ result }) => result);
  return {
    result: rest.reduce(
      ({ at, lines }, next) => ({
        at: [...at, ...next.at],
        lines: lines.map((line, index) => ({ ...line, values: [...line.values, ...next.lines[index].values] })),
      }),
      first,
    ),
  };
}
