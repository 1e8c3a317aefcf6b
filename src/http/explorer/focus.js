// The focus, while parts of the page are made anew.

/** What a screen reader calls an element, about. */
function labelOf(element) {
  return element?.getAttribute("aria-label") ?? element?.textContent ?? "";
}

/**
 * Does `work`, which makes what is in `body` anew. If the focus was there, it goes back to the same element or, if that is gone, to
 * one with the same name, or else to `otherwise`.
 */
export function keepFocus(body, work, otherwise = null) {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLElement) || !body.contains(focused)) return void work();
  const label = labelOf(focused);
  work();
  const next = body.contains(focused) ? focused : (named(label, body) ?? otherwise);
  if (document.activeElement !== next) next?.focus({ preventScroll: true });
}

/** Gives the focus back to what opened a dialog or, if that was made anew meanwhile, to what took its place. */
export function returnFocus(opener) {
  if (!opener.isConnected) named(labelOf(opener), document)?.focus({ preventScroll: true });
}

/** What has this name. */
function named(label, root) {
  return [...root.querySelectorAll("a, button, summary")].find((one) => labelOf(one) === label);
}

/** Makes `nodes` the children of `body`. Those that stay are not moved, which would close a menu and take away the focus. */
export function arrange(body, nodes) {
  for (const child of [...body.children]) if (!nodes.includes(child)) child.remove();
  for (const [index, node] of nodes.entries()) {
    if (body.children[index] !== node) body.insertBefore(node, body.children[index] ?? null);
  }
}
