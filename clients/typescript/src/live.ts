import { backoff, pause } from "./backoff.js";
import { ClusterdeskError, isClusterdeskError, isTransient } from "./error.js";
import { failure, type Message } from "./message.js";
import { read, type ClientOptions } from "./options.js";
import { Socket } from "./socket.js";
import type { Watcher } from "./watcher.js";

/** The subscriptions of a client, on one connection that is there while somebody watches. */
export class Live {
  readonly #options: ClientOptions;
  /** Makes a call that needs the token. */
  readonly #probe: () => Promise<unknown>;
  readonly #watchers = new Set<Watcher>();
  #socket: Socket | undefined;
  #running = false;
  #attempt = 0;
  /** Aborted when nobody watches any more. */
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
    else if (watcher.subscription !== undefined)
      this.#socket?.request("rpc.unsubscribe", { subscription: watcher.subscription });
    watcher.end(error);
  }

  /** Keeps a connection as long as somebody watches. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#watchers.size > 0) {
      const idle = (this.#idle = new AbortController());
      let cause: ClusterdeskError | undefined;
      try {
        await this.#converse(idle.signal);
      } catch (error) {
        cause = error as ClusterdeskError;
        if (!isTransient(cause)) for (const watcher of this.#watchers) this.remove(watcher, cause);
      }
      if (idle.signal.aborted) continue;
      for (const watcher of this.#watchers) watcher.change("reconnecting", cause);
      await pause(Math.max(cause?.retryAfterMs ?? 0, backoff(this.#attempt++)), idle.signal);
    }
    this.#running = false;
  }

  /** One connection from beginning to end. Rejects with a {@link ClusterdeskError} if it does not come about. */
  async #converse(idle: AbortSignal): Promise<void> {
    const socket = await this.#connect();
    idle.addEventListener("abort", () => socket.close());
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
  }

  async #connect(): Promise<Socket> {
    const { url, token: source, WebSocket: Socketlike = globalThis.WebSocket } = this.#options;
    const token = await read(source).catch((cause: unknown) => {
      throw new ClusterdeskError("NETWORK_ERROR", "The token could not be had.", {}, { cause });
    });
    // In a subprotocol, because a page can set no header on a WebSocket and a URL ends up in logs.
    const protocols = token ? ["clusterdesk", `bearer.${token}`] : ["clusterdesk"];
    try {
      const socket: Socket = new Socket(new Socketlike(url.replace(/^http/, "ws"), protocols), (event) =>
        this.#event(socket, event),
      );
      return socket;
    } catch (cause) {
      throw new ClusterdeskError("UNAUTHORIZED", "The token is no token: a WebSocket can't carry it.", {}, { cause });
    }
  }

  /** Why a handshake failed: a web page is not told, so ask by a call. */
  async #explain(error: ClusterdeskError): Promise<ClusterdeskError> {
    if (this.#options.token === undefined) return error;
    const answer: unknown = await this.#probe().catch((reason: unknown) => reason);
    return isClusterdeskError(answer) ? answer : error;
  }

  #subscribe(socket: Socket, watcher: Watcher): void {
    socket.request(watcher.path, watcher.params, (answer) => {
      const error = failure(answer, watcher.path);
      if (error !== undefined) return this.#failed(socket, watcher, error);
      if (!this.#watchers.has(watcher)) return socket.request("rpc.unsubscribe", { subscription: answer.result });
      this.#attempt = watcher.attempt = 0;
      watcher.subscription = answer.result;
      watcher.change("open");
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

  /** A subscription was refused, or ended by the server. */
  #failed(socket: Socket, watcher: Watcher, error: ClusterdeskError): void {
    watcher.subscription = undefined;
    // The token was good when the connection began and may have run out since: come back with a new one.
    if (error.code === "UNAUTHORIZED" && socket.proven) return socket.close();
    if (!isTransient(error)) return this.remove(watcher, error);
    watcher.change("reconnecting", error);
    const wait = Math.max(error.retryAfterMs ?? 0, backoff(watcher.attempt++));
    void pause(wait, this.#idle.signal).then(() => {
      if (this.#socket === socket && this.#watchers.has(watcher)) this.#subscribe(socket, watcher);
    });
  }
}
