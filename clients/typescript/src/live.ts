import { backoff, pause } from "./backoff.js";
import { ClusterdeskError, isClusterdeskError, isTransient } from "./error.js";
import { failure, type Message } from "./message.js";
import { type ClientOptions, read } from "./options.js";
import { Socket } from "./socket.js";
import type { Watcher } from "./watcher.js";

/** The subscriptions of a client. They share one connection, which is open while there is at least one of them. */
export class Live {
  readonly #options: ClientOptions;
  /** Makes a call that needs the token. */
  readonly #probe: () => Promise<unknown>;
  readonly #watchers = new Set<Watcher>();
  #socket: Socket | undefined;
  #running = false;
  #attempt = 0;
  /** Aborted when there are no watchers left. */
  #idle = new AbortController();

  constructor(options: ClientOptions, probe: () => Promise<unknown>) {
    this.#options = options;
    this.#probe = probe;
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    watcher.change("connecting");
    if (this.#socket !== undefined) this.#subscribe(this.#socket, watcher);
    else if (!this.#running) void this.#run();
  }

  remove(watcher: Watcher, error?: ClusterdeskError): void {
    if (!this.#watchers.delete(watcher)) return;
    if (this.#watchers.size === 0) this.#idle.abort();
    else if (watcher.subscription !== undefined && this.#socket !== undefined)
      unsubscribe(this.#socket, watcher.subscription);
    watcher.end(error);
  }

  /** Reconnects until there are no watchers left. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#watchers.size > 0) {
      const idle = new AbortController();
      this.#idle = idle;
      let error: ClusterdeskError | undefined;
      try {
        await this.#connection(idle.signal);
      } catch (reason) {
        error = reason as ClusterdeskError;
        if (!isTransient(error)) for (const watcher of this.#watchers) this.remove(watcher, error);
      }
      if (idle.signal.aborted) continue;
      const delayMs = Math.max(error?.retryAfterMs ?? 0, backoff(this.#attempt));
      this.#attempt += 1;
      for (const watcher of this.#watchers) watcher.retry({ attempt: this.#attempt, delayMs, error });
      await pause(delayMs, idle.signal);
    }
    this.#running = false;
  }

  /**
   * Opens a connection, subscribes every watcher, and returns when the connection has ended.
   * @throws {ClusterdeskError} when the connection can't be opened, or its token has expired and there is no other.
   */
  async #connection(idle: AbortSignal): Promise<void> {
    const socket = await this.#connect();
    idle.addEventListener("abort", socket.close);
    if (idle.aborted) socket.close();
    try {
      await socket.opened;
    } catch (error) {
      if (!idle.aborted) throw await this.#explain(error as ClusterdeskError);
      return;
    }
    this.#socket = socket;
    for (const watcher of this.#watchers) this.#subscribe(socket, watcher);
    await socket.closed;
    this.#socket = undefined;
    for (const watcher of this.#watchers) watcher.subscription = undefined;
    if (socket.expired && typeof this.#options.token === "string")
      throw new ClusterdeskError("UNAUTHORIZED", "The token has expired.");
  }

  async #connect(): Promise<Socket> {
    const { url, token: source, WebSocket: Constructor = globalThis.WebSocket } = this.#options;
    const token = await read(source).catch((cause: unknown) => {
      throw new ClusterdeskError("NETWORK_ERROR", "The token could not be obtained.", {}, { cause });
    });
    // In a subprotocol: a web page can't set headers on a WebSocket, and URLs end up in logs.
    const protocols = token ? ["clusterdesk", `bearer.${token}`] : ["clusterdesk"];
    try {
      const socket: Socket = new Socket(new Constructor(url.replace(/^http/, "ws"), protocols), (event) =>
        this.#event(socket, event),
      );
      return socket;
    } catch (cause) {
      const message = "The token contains characters that a WebSocket subprotocol can't carry.";
      throw new ClusterdeskError("UNAUTHORIZED", message, {}, { cause });
    }
  }

  /** The reason why a handshake failed. A web page can't see it, so a call with the same token or cookie is made instead. */
  async #explain(error: ClusterdeskError): Promise<ClusterdeskError> {
    const answer: unknown = await this.#probe().catch((reason: unknown) => reason);
    return isClusterdeskError(answer) ? answer : error;
  }

  #subscribe(socket: Socket, watcher: Watcher): void {
    socket.request(watcher.path, watcher.params, (response) => {
      const error = failure(response, watcher.path);
      if (error !== undefined) {
        this.#failed(socket, watcher, error);
      } else if (this.#watchers.has(watcher)) {
        socket.proven = true;
        this.#attempt = 0;
        watcher.attempt = 0;
        watcher.subscription = response.result;
        watcher.change("open");
      } else {
        unsubscribe(socket, response.result);
      }
    });
  }

  #event(socket: Socket, { subscription, result, error }: NonNullable<Message["params"]>): void {
    for (const watcher of this.#watchers) {
      if (subscription === undefined || watcher.subscription !== subscription) continue;
      const failed = failure({ error }, watcher.path);
      if (failed === undefined) watcher.event(result);
      else this.#failed(socket, watcher, failed);
    }
  }

  /** The server refused or ended a subscription. */
  #failed(socket: Socket, watcher: Watcher, error: ClusterdeskError): void {
    watcher.subscription = undefined;
    if (error.code === "UNAUTHORIZED" && socket.proven) {
      // The token was valid when the connection was opened and may have expired since: reconnect with a new one.
      socket.close();
    } else if (error.purgedThrough !== undefined && watcher.restart()) {
      // Missed events are lost. The application reads what it shows again when it gets `ready`.
      watcher.change("reconnecting", error);
      if (this.#socket === socket) this.#subscribe(socket, watcher);
    } else if (isTransient(error)) {
      const delayMs = Math.max(error.retryAfterMs ?? 0, backoff(watcher.attempt));
      watcher.attempt += 1;
      watcher.retry({ attempt: watcher.attempt, delayMs, error });
      void pause(delayMs, this.#idle.signal).then(() => {
        if (this.#socket === socket && this.#watchers.has(watcher)) this.#subscribe(socket, watcher);
      });
    } else {
      this.remove(watcher, error);
    }
  }
}

function unsubscribe(socket: Socket, subscription: unknown): void {
  socket.request("rpc.unsubscribe", { subscription });
}
