// A button that opens a menu (the ARIA pattern "menu button").

import { el, uniqueId } from "./dom.js";

/**
 * A button with a menu. `items()` are `{text, href}` for links, or `{text, run, danger}` for what is done; they are made when the menu
 * opens. `label` names what they are about. The button does nothing while it is `aria-disabled`.
 */
export function menuButton(label, items) {
  const id = uniqueId("menu");
  const menu = el("div", { role: "menu", id, popover: "auto", class: "menu-items", "aria-label": label });
  const button = el(
    "button",
    {
      type: "button",
      class: "small menu-button",
      "aria-label": label,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      "aria-controls": id,
    },
    "⋯",
  );
  /** Whether the press of the pointer, which closes the menu, found it open. */
  let wasOpen = false;
  const entries = () => /** @type {HTMLElement[]} */ ([...menu.children]);
  const focus = (index) =>
    entries()
      .at(index % entries().length)
      ?.focus({ preventScroll: true });
  const follow = () => place(menu, button);
  const close = () => menu.hidePopover();

  function open(first) {
    if (button.getAttribute("aria-disabled") === "true") return;
    const shown = items().filter(Boolean);
    menu.replaceChildren(...shown.map((item) => entry(item, close)));
    menu.showPopover();
    button.setAttribute("aria-expanded", "true");
    follow();
    focus(first);
    addEventListener("scroll", follow, { capture: true, passive: true });
  }

  menu.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") return;
    button.setAttribute("aria-expanded", "false");
    removeEventListener("scroll", follow, true);
  });
  button.addEventListener("pointerdown", () => {
    wasOpen = menu.matches(":popover-open");
  });
  button.addEventListener("click", () => {
    if (wasOpen) close();
    else open(0);
    wasOpen = false;
  });
  button.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    open(event.key === "ArrowUp" ? -1 : 0);
  });
  menu.addEventListener("keydown", (event) => {
    const at = entries().indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const keys = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key in keys) {
      event.preventDefault();
      focus(keys[event.key]);
    } else if (event.key === "Tab") {
      // The focus goes on from the button.
      close();
      button.focus();
    } else if (/^\S$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const order = [...entries().slice(at + 1), ...entries().slice(0, at + 1)];
      order.find((one) => one.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    }
  });
  return el("span", { class: "menu-place" }, button, menu);
}

function entry({ text, href, run, danger = false }, close) {
  const attributes = { role: "menuitem", tabindex: "-1", class: danger ? "danger-text" : null };
  if (href !== undefined) return el("a", { ...attributes, href, on: { click: close } }, text);
  const click = () => {
    // Closing gives the focus back to the button, where a dialog leaves it.
    close();
    void run();
  };
  return el("button", { ...attributes, type: "button", on: { click } }, text);
}

/** Where the open menu is; there is only one. The page's policy forbids style attributes. */
const places = new CSSStyleSheet();
document.adoptedStyleSheets.push(places);

/** Puts a menu under its button, or above if there is more room. */
function place(menu, button) {
  const at = button.getBoundingClientRect();
  const below = at.bottom + 4;
  const fits = below + menu.offsetHeight <= innerHeight;
  const top = fits ? below : Math.max(4, at.top - 4 - menu.offsetHeight);
  const left = Math.max(4, Math.min(at.right - menu.offsetWidth, innerWidth - menu.offsetWidth - 4));
  places.replaceSync(`.menu-items { top: ${top}px; left: ${left}px; }`);
}
