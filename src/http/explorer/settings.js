// The settings of the page, which are kept in this browser.

import { store } from "./store.js";

const KEY = "settings";
const DEFAULTS = { keepsHistory: true, hasShortcuts: true };

export function settings() {
  const kept = store.read(KEY, {});
  const chosen = (name) => (typeof kept?.[name] === "boolean" ? kept[name] : DEFAULTS[name]);
  return { keepsHistory: chosen("keepsHistory"), hasShortcuts: chosen("hasShortcuts") };
}

export function changeSettings(changes) {
  return store.write(KEY, { ...settings(), ...changes });
}

/** Whether `event` is the press of `key` alone, where nothing is being typed, and such shortcuts are on. */
export function isShortcut(event, key) {
  const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
  const isAlone = !event.ctrlKey && !event.metaKey && !event.altKey;
  return event.key === key && !isTyping && isAlone && settings().hasShortcuts;
}
