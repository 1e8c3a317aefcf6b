// What `admin.health` says of the server, as sections of a page.

import { badge } from "./badge.js";
import { el } from "./dom.js";
import { facts, fitting } from "./facts.js";
import { moment } from "./moment.js";
import { counts } from "./scale.js";
import { FAILURES } from "./series.js";
import { withPicture } from "./sparkline.js";
import { section, wideSection } from "./thing.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const REPLICA = { ready: "green", behind: "amber", unavailable: "red" };

/** The sections: the database, what waits, the replica, backups, jobs, and what the server checks. */
export function healthSections(
  { version, database, queue, replica, backups, billing, jobs, findings },
  { traffic, failures },
) {
  return [
    wideSection("Checks", el("p", { class: "verdict" }, verdict(findings)), checks(findings)),
    section("Database", databaseFacts(database, findings)),
    section(
      "Waiting",
      facts([
        ["Reads", String(queue.reads)],
        ["Writes", String(queue.writes)],
      ]),
    ),
    section("Replica", replica ? facts([["State", badge(replica, REPLICA[replica])]]) : none("There is none.")),
    section("Backups", backups ? backupFacts(backups) : none("The server makes none by itself.")),
    section("Jobs", jobFacts(jobs)),
    section("Last hour", trafficFacts(traffic)),
    wideSection("Server", serverFacts(version, billing, failures)),
  ];
}

/** The checks in a sentence. */
export function verdict(findings) {
  const problems = findings.filter(({ ok }) => !ok).length;
  if (problems === 0) return `All ${findings.length} checks passed.`;
  return problems === 1
    ? `1 of ${findings.length} checks found a problem.`
    : `${problems} of ${findings.length} checks found problems.`;
}

/** Problems first. */
function checks(findings) {
  const sorted = findings.toSorted((one, other) => Number(one.ok) - Number(other.ok));
  const line = ({ check, ok, detail }) =>
    el(
      "li",
      {},
      el(
        "div",
        { class: "row" },
        badge(ok ? "ok" : "problem", ok ? "green" : "red"),
        el("span", { class: "name" }, check),
        fitting("span", detail),
      ),
    );
  return el("ul", { class: "shape", "aria-label": "Results" }, sorted.map(line));
}

function databaseFacts({ kind, latencyMs, fileBytes, logBytes }, findings) {
  const migration = findings.find(({ check }) => check === "migrations");
  return facts([
    ["Kind", kind],
    ["Answers in", `${latencyMs} ms`],
    migration ? ["Migrations", fitting("span", migration.detail)] : null,
    fileBytes === null ? null : ["File", size(fileBytes)],
    logBytes === null ? null : ["Log", size(logBytes)],
  ]);
}

function backupFacts({ everySeconds, newestAt }) {
  return facts([
    ["Newest", newestAt ? moment(newestAt) : "none yet"],
    ["Made every", duration(everySeconds)],
  ]);
}

function jobFacts({ purgedAt, archivedAt, sealedThrough, sealIsDue }) {
  return facts([
    ["Last removal", purgedAt ? moment(purgedAt) : "none yet"],
    ["Last archive", archivedAt ? moment(archivedAt) : "none"],
    ["Audit log", sealedThrough ? ["sealed through ", moment(sealedThrough)] : "not sealed yet"],
    ["Newer entries", sealIsDue ? "wait for the next minute" : "none wait"],
  ]);
}

/** What this server has answered. */
function trafficFacts(traffic) {
  const fact = (values, caption) => {
    if (values === undefined) return null;
    const sum = values.reduce((all, value) => all + value, 0);
    return withPicture(el("a", { href: "#/dashboard/traffic" }, counts.long(sum)), values, caption, counts);
  };
  return facts([
    ["Calls", fact(traffic?.calls, "Calls by the minute")],
    ["Errors", fact(traffic?.errors, "Errors by the minute")],
  ]);
}

function serverFacts(version, { configured, failedEvents }, failures) {
  const stripe = configured ? "configured" : "not configured";
  return facts([
    ["Version", version],
    ["Billing", stripe],
    [
      "Stripe events",
      withPicture(
        el("a", { href: "#/dashboard/stripe" }, failedEvents === 0 ? "none failed" : `${failedEvents} failed`),
        failures,
        FAILURES,
        counts,
      ),
    ],
  ]);
}

function none(text) {
  return el("p", { class: "help" }, text);
}

/** Bytes in words, such as 1.2 MB. */
function size(bytes) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const unit = UNITS[power];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: 1 }).format(
    bytes / 1000 ** power,
  );
}

function duration(seconds) {
  const [value, unit] =
    seconds % 86_400 === 0
      ? [seconds / 86_400, "day"]
      : seconds % 3600 === 0
        ? [seconds / 3600, "hour"]
        : [seconds / 60, "minute"];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "long" }).format(value);
}
