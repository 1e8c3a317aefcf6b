// Elements are made here and only here, from text: there is no way for an answer of the server to become markup.

/**
 * Builds an element. `class` and attributes as in HTML (true is an attribute without a value; false, null and undefined
 * are left out), `on` holds listeners; children are nodes, text, or nothing.
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

/** Text with `code` in it, as the server's documentation is written. */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? el("code", {}, part) : part));
}

let counter = 0;

/** An id that no other element of the page has. */
export function uniqueId(stem) {
  counter += 1;
  return `${stem}-${counter}`;
}

/** Says something to who can't see what changed. */
export function announce(text) {
  const announcer = byId("announcer");
  announcer.textContent = "";
  // The same sentence twice in a row is only spoken twice if the region was empty in between.
  setTimeout(() => {
    announcer.textContent = text;
  }, 50);
}

/** Shows a dialog and resolves with its return value once it is closed; empty when it was dismissed. */
export function showDialog(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}
