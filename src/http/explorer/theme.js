// The light or dark theme. It follows the system until the button is pressed, and is kept in this browser.

import { byId } from "./dom.js";
import { store } from "./store.js";

const KEY = "theme";
const system = matchMedia("(prefers-color-scheme: dark)");
let chosen = ["dark", "light"].find((theme) => theme === store.read(KEY, null)) ?? null;

function isDark() {
  return chosen === null ? system.matches : chosen === "dark";
}

function show() {
  if (chosen !== null) document.documentElement.dataset.theme = chosen;
  const other = isDark() ? "Light" : "Dark";
  byId("theme").textContent = other;
  byId("theme").setAttribute("aria-label", `${other} theme`);
}

export function startTheme() {
  byId("theme").addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    store.write(KEY, chosen);
    show();
  });
  system.addEventListener("change", show);
  show();
}
