// Keeps current what the server does not announce: it is read again when somebody comes back to the page, and at intervals while
// they look at it.

/** Milliseconds. */
const EVERY = 30_000;
/** What somebody is busy with. They decide about what they see. */
const OPEN = "dialog[open], :popover-open";

/** Calls `renew` while the page is visible and neither a dialog nor a menu is open. Returns a function that stops it. */
export function renewWhileSeen(renew) {
  const ask = () => {
    if (document.visibilityState === "visible" && document.querySelector(OPEN) === null) renew();
  };
  const timer = setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);
  addEventListener("focus", ask);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", ask);
    removeEventListener("focus", ask);
  };
}
