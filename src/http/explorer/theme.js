// The light or dark theme. It follows the system until the button is pressed, and is kept in memory only.

import { byId } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;

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
    show();
  });
  system.addEventListener("change", show);
  show();
}
