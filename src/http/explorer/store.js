// What the page keeps in this browser. No other module uses its storage, and no token gets into it.

const PREFIX = "clusterdesk.";
/** A secret of this server, such as an API token, or a JWT, wherever it stands in a text. */
const TOKEN = /cd[a-z]_[0-9A-Za-z]{16}|ey[\w-]{10,}\.[\w-]{10,}\.[\w-]*/;
/** The tokens that this page was given, because not every token has a known form. */
const given = new Set();

/** Notes a token that must never be kept. */
export function neverKeep(token) {
  if (token !== "") given.add(token);
}

/** Whether a token is somewhere in `value`. */
export function holdsToken(value) {
  const text = JSON.stringify(value) ?? "";
  return TOKEN.test(text) || [...given].some((token) => text.includes(token));
}

/** The cookie that says which tab was left, so that the server can answer what it calls first within the page (answered.rs). */
const PLACE = "clusterdesk-place";

export const store = {
  /** What was kept under `key`; `fallback` if there is nothing, or the browser forbids it. */
  read(key, fallback) {
    try {
      return JSON.parse(localStorage.getItem(PREFIX + key)) ?? fallback;
    } catch {
      return fallback;
    }
  },
  /** Keeps `value`. Returns whether it is kept: a browser may forbid it or be full, and nothing with a token is. */
  write(key, value) {
    if (holdsToken(value)) return false;
    try {
      localStorage.setItem(PREFIX + key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
  /** Notes the tab that is being left, by its name; nothing for any other place. The cookie ends with the browser. */
  leave(place, path) {
    // biome-ignore lint/suspicious/noDocumentCookie: The Cookie Store API needs TLS, and would write it after the page was left.
    document.cookie = `${PLACE}=${place}; Path=${path}; SameSite=Strict${place === "" ? "; Max-Age=0" : ""}`;
  },
  /** Calls `listener` when another tab of the browser has changed something. Returns a function that stops this. */
  onChange(listener) {
    const changed = ({ key }) => (key === null || key.startsWith(PREFIX)) && listener();
    addEventListener("storage", changed);
    return () => removeEventListener("storage", changed);
  },
};
