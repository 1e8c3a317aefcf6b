import { spawn } from "node:child_process";

/** Milliseconds after which a start or a stop has failed. */
const PATIENCE = 60_000;

export interface Child {
  /** The first group of what was awaited in the output. */
  found: string;
  /** Ends the process, by SIGTERM or at once. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Starts a program and waits until its output matches `ready`. It is killed when this process ends. */
export async function start(
  [program, ...args]: [string, ...string[]],
  ready: RegExp,
  env: Record<string, string> = {},
): Promise<Child> {
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const killed = () => child.kill("SIGKILL");
  process.once("exit", killed);
  child.once("exit", () => process.off("exit", killed));
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const timer = setTimeout(killed, PATIENCE);
    child.kill(signal);
    await ended;
    clearTimeout(timer);
  };
  let output = "";
  const found = await new Promise<string>((resolve, reject) => {
    const failed = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`${program} ${why}\n${output}`));
    };
    const timer = setTimeout(() => failed("did not start in time."), PATIENCE);
    child.once("error", (error) => failed(error.message));
    child.once("exit", (status) => failed(`ended with status ${status}.`));
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        output += chunk;
        const match = ready.exec(output);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match[1] ?? "");
      });
  });
  return { found, stop };
}
