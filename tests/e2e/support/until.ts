import { setTimeout as pause } from "node:timers/promises";

/** Milliseconds after which a condition has failed. Generous, because this does not measure speed. */
const PATIENCE = 30_000;

/** Waits until `condition` returns a truthy value, and returns it. */
export async function until<T>(condition: () => T | Promise<T>, what = condition.toString()): Promise<NonNullable<T>> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`Timed out waiting for: ${what}`);
    await pause(10);
  }
}
