// Loads series of `admin.series`, several in one message.

import { callAll } from "./rpc.js";

export const DAY = 24 * 60 * 60 * 1000;

/** Changes can be asked for 31 days at a time. */
const PIECE = 30 * DAY;

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

/**
 * Sends requests, together with other `calls`, `{method, params}`. Resolves with the answers to both, `{result}` or `{error}` each.
 */
export async function loadSeries(requests, calls = []) {
  const pieces = requests.map(piecesOf);
  const all = [...calls, ...pieces.flat().map((params) => ({ method: "admin.series", params }))];
  const { answers } = await callAll(all);
  const others = answers.splice(0, calls.length);
  const series = pieces.map((some) => joined(answers.splice(0, some.length)));
  return { series, answers: others };
}

/** The requests for the parts of a long time. */
function piecesOf(request) {
  const end = Date.now();
  if (request.metric !== "changes") return [request];
  const pieces = [];
  for (let from = Date.parse(request.from); from < end; from += PIECE) {
    const to = Math.min(from + PIECE, end);
    pieces.push({ ...request, from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  }
  return pieces;
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
