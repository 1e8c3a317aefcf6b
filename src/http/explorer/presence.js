// Whether somebody uses the page. What it calls by itself while nobody does must not keep a session alive.

/** Milliseconds without input after which nobody does. */
const AWAY = 60_000;
/** Also what speech and screen readers send without a key or a pointer. */
const INPUTS = ["keydown", "pointerdown", "pointermove", "wheel", "touchmove", "click", "input", "change"];

/** Somebody has just opened the page. */
let last = Date.now();

for (const input of INPUTS) {
  addEventListener(
    input,
    ({ isTrusted }) => {
      // The page clicks links by itself.
      if (isTrusted) last = Date.now();
    },
    { capture: true, passive: true },
  );
}

/** The headers of a call that is made now: they say so if nobody uses the page. */
export function attendance() {
  return Date.now() - last < AWAY ? {} : { "x-unattended": "1" };
}
