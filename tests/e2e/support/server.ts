import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";
import { type Child, start } from "./child.ts";
import { freePort } from "./port.ts";
import { SECRET } from "./token.ts";

/** `run` sets the binary under test. */
const BINARY = process.env.CLUSTERDESK ?? "../../target/debug/clusterdesk";

type Env = Record<string, string>;

/** A running server with its own data folder. It has no rate limits unless `env` sets them. */
export class Server {
  readonly #folder: string;
  readonly #env: Env;
  readonly #address: string;
  #child: Child | undefined;
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url = "";

  private constructor(folder: string, env: Env, address: string) {
    this.#folder = folder;
    this.#env = env;
    this.#address = address;
  }

  /** Starts a server that is stopped after the tests of the file. */
  static async start(env: Env = {}): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "clusterdesk-e2e-"));
    const server = new Server(folder, env, `127.0.0.1:${await freePort()}`);
    after(() => server.#remove());
    await server.launch();
    return server;
  }

  /** The token of the first admin. */
  async adminToken(): Promise<string> {
    return (await readFile(join(this.#folder, "admin-token"), "utf8")).trim();
  }

  /** A link that signs a browser in, once: by default the first admin's. */
  async consoleLink(user?: string): Promise<string> {
    const whose = user === undefined ? [] : ["--user", user];
    const env = { DATA_DIR: this.#folder };
    const { stdout } = await promisify(execFile)(BINARY, ["console-link", "--url", this.url, ...whose], { env });
    return stdout.trim();
  }

  /** Starts the process; after a {@link stop}, on the same port and data. */
  async launch(): Promise<void> {
    this.#child = await start([BINARY], /JSON-RPC\s+(http:\/\/\S+?)\/\s/, {
      DATA_DIR: this.#folder,
      BIND_ADDR: this.#address,
      JWT_SECRET: SECRET,
      SHUTDOWN_GRACE_MS: "2000",
      RATE_LIMIT_READ_MAX_REQUESTS: "0",
      RATE_LIMIT_WRITE_MAX_REQUESTS: "0",
      LOG_FORMAT: "json",
      RUST_LOG: "warn",
      ...this.#env,
    });
    this.url = this.#child.found;
  }

  /** Ends the process, by SIGTERM or at once. */
  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#child?.stop(signal);
  }

  async #remove(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
