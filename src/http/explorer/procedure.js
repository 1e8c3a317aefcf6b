// The page of one procedure.

import { signIn } from "./account.js";
import { badge } from "./badge.js";
import { createCodePanel } from "./code.js";
import { el, prose } from "./dom.js";
import { jsonBlock } from "./json.js";
import { inputOf } from "./link.js";
import { createLive } from "./live.js";
import { inputTypeName, refName, typeName } from "./schema.js";
import { session } from "./session.js";
import { describeShape } from "./shape.js";
import { createTrial } from "./trial.js";

const NEEDS = {
  public: "Needs no token",
  user: "Needs a token",
  service: "Needs an admin's token, at least with the scope service",
  admin: "Needs an admin's token",
};

/**
 * Shows a procedure in `main`. A link may carry an input in its `query`, which is filled in and not sent. Returns a function that
 * stops what runs there.
 */
export function showProcedure(main, registry, procedure, query) {
  const isLive = procedure.kind === "subscription";
  let code = null;
  const trial = (isLive ? createLive : createTrial)(procedure, registry, () => code?.refresh());
  code = createCodePanel(procedure, trial.input);
  const linked = el("div", {});
  const hint = el("div", {});
  const showHint = () => hint.replaceChildren(...tokenHint(procedure));
  const stopListening = session.onChange(showHint);
  showHint();
  const head = el(
    "header",
    { class: "page-head" },
    el("h1", { tabindex: "-1" }, procedure.name),
    el("p", { class: "lead" }, prose(procedure.summary)),
    procedure.description ? el("p", {}, prose(procedure.description)) : null,
    el(
      "p",
      { class: "badges" },
      badge(procedure.kind),
      badge(procedure.access),
      el("span", { class: "help" }, facts(procedure)),
    ),
  );
  const reference = el(
    "div",
    { class: "reference" },
    input(procedure, registry),
    output(procedure, registry),
    errors(procedure, registry),
    examples(procedure, trial.fill),
  );
  const workbench = el("div", { class: "workbench" }, isLive ? null : [linked, hint, trial.node], code.node);
  const split = el("div", { class: "split" }, reference, workbench);
  // Events need the full width of the page.
  main.replaceChildren(head, ...(isLive ? [el("div", { class: "workbench" }, linked, hint, trial.node)] : []), split);
  fillFrom(query, trial, linked);
  return () => {
    stopListening();
    code.stop();
    trial.stop();
  };
}

/** Fills in the input of a link. Whoever made it may want to harm, so nothing is sent before the user has seen it. */
function fillFrom(query, trial, node) {
  const { input, problem } = inputOf(query);
  if (input) trial.fill(input);
  const text = problem ?? (input ? "The link has filled in the form. Nothing has been sent." : null);
  if (text) node.append(el("p", { class: `notice ${problem ? "warn" : "info"}` }, el("span", {}, text)));
}

function facts({ access, bucket, oldName }) {
  const words = [
    `${NEEDS[access]}.`,
    `Counts as ${bucket === "write" ? "a write" : bucket === "read" ? "a read" : bucket} against the rate limit.`,
  ];
  if (oldName) words.push(`Also available as ${oldName}.`);
  return words.join(" ");
}

function tokenHint({ access }) {
  if (access === "public" || (session.user && (access === "user" || session.isAdmin))) return [];
  const text = session.user
    ? "This is for admins. You are signed in as a user."
    : `${NEEDS[access]}. Without one, the server answers UNAUTHORIZED.`;
  const button = session.user
    ? null
    : el("button", { type: "button", class: "small", on: { click: signIn } }, "Sign in");
  return [el("div", { class: "notice info row" }, el("p", {}, text), button)];
}

function input({ params }, registry) {
  const schema = { properties: {}, required: [] };
  for (const { name, required, schema: own, description } of params) {
    schema.properties[name] = description ? { ...own, description } : own;
    if (required) schema.required.push(name);
  }
  const body =
    params.length > 0 ? describeShape(schema, registry, [], inputTypeName) : el("p", { class: "help" }, "None.");
  return el("section", {}, el("h2", {}, "Input"), body);
}

function output({ result, event }, registry) {
  const schema = (event ?? result)?.schema;
  if (!schema) return null;
  const name = typeName(schema, registry);
  const title = event ? "Events" : "Output";
  return el(
    "section",
    {},
    el("h2", {}, title, " ", el("span", { class: "type" }, refName(schema) ?? name)),
    describeShape(schema, registry),
  );
}

/** The procedure's own errors, and, collapsed, those that every call may return. */
function errors({ errors }, registry) {
  if (errors.length === 0) return null;
  const own = errors.filter((error) => !registry.commonErrors.has(error.code + error.message));
  const common = errors.filter((error) => !own.includes(error));
  const row = (error) =>
    el(
      "li",
      {},
      el(
        "div",
        { class: "row" },
        el("code", { class: "name" }, error.data?.code ?? String(error.code)),
        el("span", { class: "type" }, String(error.code)),
        el("span", { class: "note" }, prose(error.message)),
      ),
    );
  const list = (some) => el("ul", { class: "shape" }, some.map(row));
  const folded = el("details", {}, el("summary", {}, "Errors that any call may return"), list(common));
  return el(
    "section",
    {},
    el("h2", {}, "Errors"),
    own.length > 0 ? list(own) : null,
    common.length > 0 ? folded : null,
  );
}

function examples({ examples, event }, fill) {
  if (examples.length === 0) return null;
  const body = examples.map((example) => {
    const given = Object.fromEntries((example.params ?? []).map(({ name, value }) => [name, value]));
    const name = example.name ?? "Example";
    const answer = event ? (event.examples?.[0] ?? null) : (example.result?.value ?? null);
    const use = el("button", { type: "button", class: "small", on: { click: () => fill(given) } }, "Fill in");
    const sent = [
      el("div", { class: "panel-head" }, el("span", { class: "help" }, "Input"), use),
      jsonBlock(given, `${name}: input`),
    ];
    return [
      Object.keys(given).length > 0 ? sent : null,
      el("p", { class: "help" }, event ? "Event" : "Output"),
      jsonBlock(answer, `${name}: output`),
    ];
  });
  return el("section", {}, el("h2", {}, examples.length > 1 ? "Examples" : "Example"), body);
}
