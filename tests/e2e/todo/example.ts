import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { after } from "node:test";
import { until } from "../support/until.ts";

/** `run` sets the binary under test. */
const BINARY = process.env.EXAMPLE_BINARY ?? "../../target/debug/examples/todo";

/** Starts the example `todo` of the crate `procedures`. It is stopped after the tests of the file. Returns its address. */
export async function startTodo(): Promise<string> {
  const address = await freeAddress();
  const child = spawn(BINARY, { env: { EXAMPLE_ADDR: address }, stdio: ["ignore", "inherit", "inherit"] });
  after(() => stop(child));
  const failed = once(child, "exit").then(([code, signal]) => {
    throw new Error(`The example ended with ${code ?? signal}.`);
  });
  const url = `http://${address}`;
  const ready = until(
    () =>
      fetch(`${url}/app-router.d.ts`).then(
        ({ ok }) => ok,
        () => false,
      ),
    "the example to start",
  );
  await Promise.race([ready, failed]);
  failed.catch(() => {});
  return url;
}

/** An address that no server listens on. */
async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return `127.0.0.1:${port}`;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
