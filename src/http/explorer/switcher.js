// The choice of an environment in the bar at the top. It is there as soon as there is something to choose from.

import { announce, byId, el } from "./dom.js";
import { environments } from "./environments.js";

export function startSwitcher() {
  const select = /** @type {HTMLSelectElement} */ (byId("environment"));
  const show = () => {
    const { all, current, cookieUser } = environments;
    const options = all.map(({ name }, index) => el("option", { value: index }, name));
    select.replaceChildren(el("option", { value: "" }, withoutToken()), ...options);
    select.value = current === null ? "" : String(all.indexOf(current));
    select.hidden = all.length + (current === null || cookieUser !== null ? 1 : 0) < 2;
  };
  select.addEventListener("change", () => {
    const chosen = select.value === "" ? null : environments.all[Number(select.value)];
    environments.use(chosen);
    announce(`Calls are made with: ${chosen?.name ?? withoutToken()}`);
  });
  environments.onChange(show);
  show();
}

/** What signs in where no token is used. */
function withoutToken() {
  return environments.cookieUser === null ? "No token" : "This browser";
}
