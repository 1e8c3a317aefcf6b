// Copy buttons.

import { announce, el } from "./dom.js";

/**
 * A button that copies what `text()` returns when it is clicked. `what` names it for screen readers, and `shortcut` is a key that
 * presses it.
 */
export function copyButton(what, text, { shortcut = undefined } = {}) {
  const button = el("button", { type: "button", class: "plain small", "aria-keyshortcuts": shortcut });
  const show = (word) => {
    button.textContent = word;
    button.setAttribute("aria-label", `${word} ${what}`);
  };
  button.addEventListener("click", async () => {
    const copied = await copy(text());
    show(copied ? "Copied" : "Press Ctrl+C for");
    announce(copied ? `Copied ${what}` : "Could not copy");
    setTimeout(() => show("Copy"), 1600);
  });
  show("Copy");
  return button;
}

/** An entry of a menu that copies a text. */
export function copyAction(words, text) {
  const run = async () => announce((await copy(text)) ? "Copied" : "Could not copy");
  return { text: words, run };
}

/** Copies a text. Returns whether that worked. */
export async function copy(text) {
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
