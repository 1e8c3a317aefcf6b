// Creates elements. All elements are created here, from text, so that nothing the server sends can become markup.

import { returnFocus } from "./focus.js";

/**
 * Creates an element. Attributes are those of HTML: true is an attribute without a value; false, null and undefined are
 * omitted. `on` holds event listeners. Children are nodes, texts, arrays of them, or null.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Turns text in backquotes into code elements: the server's documentation is written so. */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? el("code", {}, part) : part));
}

let counter = 0;

/** An id that is unique on the page. */
export function uniqueId(stem) {
  counter += 1;
  return `${stem}-${counter}`;
}

/** Announces a change to screen readers. */
export function announce(text) {
  const announcer = byId("announcer");
  announcer.textContent = "";
  // An identical text is only announced again if the region was empty in between.
  setTimeout(() => {
    announcer.textContent = text;
  }, 50);
}

/** Shows a dialog, and resolves with its return value when it is closed; empty if it was cancelled. */
export function showDialog(dialog) {
  const opener = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      returnFocus(opener);
      resolve(dialog.returnValue);
    });
  });
}
