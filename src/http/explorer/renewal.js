// Keeps current what the server does not announce: it is read again when somebody comes back to the page, and at intervals while
// they look at it.

/** Milliseconds. */
const EVERY = 30_000;
/** What somebody reads with the keyboard, or has opened. */
const READ = ":focus-within, :has(details[open])";
/** What somebody is busy with. They decide about what they see. */
const OPEN = "dialog[open], :popover-open";

/** Whether somebody looks into a chart, which is not exchanged meanwhile. */
export function isBeingRead(chart) {
  return chart.matches(READ);
}

/** Calls `renew` while the page is visible and neither a dialog nor a menu is open. Returns a function that stops it. */
export function renewWhileSeen(renew, every = EVERY) {
  const ask = () => {
    if (document.visibilityState === "visible" && document.querySelector(OPEN) === null) renew();
  };
  const timer = setInterval(ask, every);
  document.addEventListener("visibilitychange", ask);
  addEventListener("focus", ask);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", ask);
    removeEventListener("focus", ask);
  };
}
