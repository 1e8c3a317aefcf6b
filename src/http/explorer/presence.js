// Whether somebody uses the page. What it calls by itself while nobody does must not keep a session alive.

/** Milliseconds without input after which nobody does. */
const AWAY = 60_000;
const INPUTS = ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"];

/** Somebody has just opened the page. */
let last = Date.now();

for (const input of INPUTS) {
  addEventListener(
    input,
    () => {
      last = Date.now();
    },
    { capture: true, passive: true },
  );
}

/** The headers of a call that is made now: they say so if nobody uses the page. */
export function attendance() {
  return Date.now() - last < AWAY ? {} : { "x-unattended": "1" };
}
