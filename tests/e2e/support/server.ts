import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { SECRET } from "./token.ts";

/** `run` sets the binary under test. */
const BINARY = process.env.CLUSTERDESK ?? "../../target/debug/clusterdesk";
/** Milliseconds after which a start or a stop has failed. */
const PATIENCE = 60_000;

type Env = Record<string, string>;

/** A running server with its own data folder. It has no rate limits unless `env` sets them. */
export class Server {
  readonly #folder: string;
  readonly #env: Env;
  #child: ChildProcess | undefined;
  #log = "";
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url = "";

  private constructor(folder: string, env: Env) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Starts a server that is stopped after the tests of the file. */
  static async start(env: Env = {}): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "clusterdesk-e2e-")), env);
    after(() => server.#remove());
    await server.launch();
    return server;
  }

  /** The token of the first admin. */
  async adminToken(): Promise<string> {
    return (await readFile(join(this.#folder, "admin-token"), "utf8")).trim();
  }

  /** Starts the process; after a {@link stop}, on the same port and data. */
  async launch(): Promise<void> {
    const child = spawn(BINARY, {
      env: {
        PATH: process.env.PATH,
        DATA_DIR: this.#folder,
        BIND_ADDR: this.url === "" ? "127.0.0.1:0" : new URL(this.url).host,
        JWT_SECRET: SECRET,
        SHUTDOWN_GRACE_MS: "2000",
        RATE_LIMIT_READ_MAX_REQUESTS: "0",
        RATE_LIMIT_WRITE_MAX_REQUESTS: "0",
        LOG_FORMAT: "json",
        RUST_LOG: "warn",
        ...this.#env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const killed = () => child.kill("SIGKILL");
    process.once("exit", killed);
    child.once("exit", () => process.off("exit", killed));
    child.stderr.on("data", (chunk) => (this.#log += chunk));
    this.url = await new Promise<string>((resolve, reject) => {
      const failed = (why: string) => reject(new Error(`${why}\n${this.#log}`));
      const timer = setTimeout(() => failed("The server did not start in time."), PATIENCE);
      child.once("error", (error) => failed(error.message));
      child.once("exit", (status) => failed(`The server ended with status ${status}.`));
      child.stdout.on("data", (chunk) => {
        this.#log += chunk;
        const address = /JSON-RPC\s+(http:\/\/\S+?)\/\s/.exec(this.#log)?.[1];
        if (address === undefined) return;
        clearTimeout(timer);
        resolve(address);
      });
    });
  }

  /** Ends the process, by SIGTERM or at once. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    child.kill(signal);
    await ended;
    clearTimeout(timer);
  }

  async #remove(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
