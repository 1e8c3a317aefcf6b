// Creates SVG elements, as dom.js creates those of HTML. They have attributes and classes, never styles.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** Creates an element. Children are elements, texts, arrays of them, or null. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}
