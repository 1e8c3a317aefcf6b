// The view of the environments: to add a token, to choose the one to call with, and to rename or forget one.

import { askForText } from "./ask.js";
import { badge } from "./badge.js";
import { announce, el, uniqueId } from "./dom.js";
import { environments } from "./environments.js";
import { fitting } from "./facts.js";
import { failureBox, failureSentence } from "./failure.js";
import { call } from "./rpc.js";
import { visible } from "./visible.js";

const LEAD =
  "Tokens with names, such as “admin” and “customer”: choose at the top of the page which one calls are made with. They are kept in memory only; a reload discards them.";

/** Shows the view in `main`. Returns a function that stops it. */
export function showEnvironments(main) {
  const list = el("div", {});
  const heading = el("h1", { tabindex: "-1" }, "Named tokens");
  main.replaceChildren(el("header", { class: "page-head" }, heading, el("p", { class: "lead" }, LEAD)), list, adder());
  const show = () => {
    const { all } = environments;
    const items = all.map(item);
    list.replaceChildren(
      all.length === 0
        ? el("p", { class: "empty" }, "No tokens yet.")
        : el("ul", { class: "shape", "aria-label": "Named tokens" }, items),
    );
  };
  const stopListening = environments.onChange(show);
  show();
  return stopListening;

  function item(environment) {
    const { name, user } = environment;
    const isCurrent = environment === environments.current;
    const button = (text, click) =>
      el("button", { type: "button", class: "small", "aria-label": `${text} ${name}`, on: { click } }, text);
    const remove = () => {
      environments.remove(environment);
      announce(`${name} has been removed`);
      heading.focus();
    };
    const use = () => {
      environments.use(environment);
      announce(`Calls are made with ${name}`);
      heading.focus();
    };
    return el(
      "li",
      { class: "entry" },
      fitting("strong", name),
      isCurrent ? badge("in use", "green") : null,
      el("span", { class: "help" }, fitting("bdi", user.name ?? visible(user.id)), `, ${user.role}`),
      el(
        "span",
        { class: "actions" },
        isCurrent ? null : button("Use", use),
        button("Rename", () => rename(environment)),
        button("Remove", remove),
      ),
    );
  }
}

async function rename(environment) {
  const name = await askForText({
    title: `Rename ${environment.name}`,
    label: "Name",
    value: environment.name,
    action: "Rename",
    problem: (text) => (text === environment.name || environments.isFree(text) ? null : "Another one has this name."),
  });
  if (name !== null) environments.rename(environment, name);
}

/** The form that adds a token, after the server has accepted it. */
function adder() {
  const id = uniqueId("environment");
  const heading = el("h2", { id }, "Add a token");
  const name = el("input", { id: `${id}-name`, type: "text", autocomplete: "off", "aria-required": "true" });
  const token = el("input", {
    id: `${id}-token`,
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    "aria-required": "true",
    "aria-describedby": `${id}-help`,
  });
  const outcome = el("div", { role: "alert" });
  const submit = el("button", { type: "submit", class: "primary" }, "Add");
  const help = "A JWT from your identity provider, or an API token (clusterdesk token create).";
  const form = el(
    "form",
    { novalidate: true, autocomplete: "off", class: "panel", "aria-labelledby": id },
    heading,
    el("div", { class: "field" }, el("label", { for: name.id }, "Name"), name),
    el(
      "div",
      { class: "field" },
      el("label", { for: token.id }, "Token"),
      token,
      el("p", { class: "help", id: `${id}-help` }, help),
    ),
    outcome,
    el("div", { class: "buttons" }, submit),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = { name: name.value.trim(), token: token.value.trim().replace(/^bearer\s+/i, "") };
    outcome.replaceChildren();
    for (const input of [name, token]) input.removeAttribute("aria-invalid");
    if (given.name === "") return refuse(name, "Enter a name.");
    if (!environments.isFree(given.name)) return refuse(name, "Another one has this name.");
    if (given.token === "") return refuse(token, "Paste a token.");
    if (submit.getAttribute("aria-disabled") === "true") return;
    submit.setAttribute("aria-disabled", "true");
    try {
      const { result } = await call("user.me", undefined, { token: given.token });
      environments.add(given.name, given.token, result);
      name.value = "";
      token.value = "";
      announce(`Calls are made with ${given.name}: ${result.name ?? result.id}, ${result.role}`);
      name.focus();
    } catch (error) {
      token.setAttribute("aria-invalid", "true");
      outcome.replaceChildren(failureBox(error));
      announce(failureSentence(error));
      token.focus();
    }
    submit.removeAttribute("aria-disabled");
  });

  function refuse(input, message) {
    input.setAttribute("aria-invalid", "true");
    outcome.replaceChildren(el("p", { class: "error" }, message));
    input.focus();
  }

  return form;
}
