// Copy buttons.

import { announce, el } from "./dom.js";

/** A button that copies what `text()` returns when it is clicked. `what` names it for screen readers. */
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
    return copyBySelection(text);
  }
}

/** The Clipboard API is missing when the page was loaded over plain HTTP from another machine. */
function copyBySelection(text) {
  const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
