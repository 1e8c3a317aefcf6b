import { setTimeout as pause } from "node:timers/promises";

/** Milliseconds until something that should have happened counts as failed. Generous: it is no measurement. */
const PATIENCE = 30_000;

/** Waits until `condition` gives something true, and gives it back. */
export async function until<T>(condition: () => T | Promise<T>, what = condition.toString()): Promise<NonNullable<T>> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`It never came to be: ${what}`);
    await pause(10);
  }
}
