// Buttons that copy.

import { announce, el } from "./dom.js";

/** A button that copies what `text()` returns at that moment. `what` says what that is, for who can't see. */
export function copyButton(what, text) {
  const button = el("button", { type: "button", class: "plain small", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    const copied = await copy(text());
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    announce(copied ? `Copied ${what}` : "Could not copy");
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyTheOldWay(text);
  }
}

/** Pages that came over plain HTTP from another machine have no clipboard interface. */
function copyTheOldWay(text) {
  const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied;
}
