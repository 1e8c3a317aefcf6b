import { after } from "node:test";
import { start } from "../support/child.ts";

/** `run` sets the binary under test. */
const BINARY = process.env.EXAMPLE_BINARY ?? "../../target/debug/examples/todo";

/** Starts the example `todo` of the crate `procedures`. It is stopped after the tests of the file. Returns its address. */
export async function startTodo(): Promise<string> {
  const { found, stop } = await start([BINARY], /listening on (http:\/\/\S+)\n/, { EXAMPLE_ADDR: "127.0.0.1:0" });
  after(() => stop("SIGKILL"));
  return found;
}
