import { ClusterdeskError } from "./error.js";
import { isMessage, type Message, request } from "./message.js";

/** The part of a WebSocket that this package uses. Both a browser's class and that of the package `ws` have it. */
export interface SocketLike {
  send(data: string): void;
  close(): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code?: number }) => void): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** The close code for a token that has expired. */
const EXPIRED = 4401;
/** Milliseconds without a message before a ping is sent. The connection counts as lost when the reply takes as long. */
const SILENCE = 20_000;

/** One connection. */
export class Socket {
  /** Resolves when the handshake has succeeded, rejects when it has failed. */
  readonly opened: Promise<void>;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  /** Whether the server has accepted a subscription, and so the token. */
  proven = false;
  /** Whether the server has closed the connection because the token has expired. */
  expired = false;

  readonly #socket: SocketLike;
  readonly #pending = new Map<unknown, (response: Message) => void>();
  readonly #onEvent: (params: NonNullable<Message["params"]>) => void;
  #lastId = 0;
  #resolveClosed!: () => void;
  #ended = false;
  #silent = false;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor(socket: SocketLike, onEvent: (params: NonNullable<Message["params"]>) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener("open", () => {
        this.#heartbeat = setInterval(() => this.#ping(), SILENCE);
        resolve();
      });
      void this.closed.then(() => reject(new ClusterdeskError("NETWORK_ERROR", "The WebSocket was closed.")));
    });
    socket.addEventListener("message", (event) => this.#read(event.data));
    socket.addEventListener("close", ({ code }) => {
      this.expired = code === EXPIRED;
      this.#finish();
    });
    // An error has no details in a browser, and a close event always follows it.
    socket.addEventListener("error", () => {});
    // Browsers take a long time to notice that the network is gone. Node has no such event.
    globalThis.addEventListener?.("offline", this.close);
  }

  /** Sends a request. `onResponse` is called before any later message is read, and never once the socket is closed. */
  request(method: string, params?: unknown, onResponse: (response: Message) => void = () => {}): void {
    if (this.#ended) return;
    const id = ++this.#lastId;
    this.#pending.set(id, onResponse);
    this.#socket.send(request(id, method, params));
  }

  /** Ends the connection at once, without waiting for the server. */
  readonly close = (): void => {
    this.#finish();
    this.#socket.close();
  };

  #read(data: unknown): void {
    if (this.#ended) return;
    this.#silent = false;
    let message: unknown;
    try {
      message = JSON.parse(String(data));
    } catch {
      this.close();
      return;
    }
    if (!isMessage(message)) return;
    if (message.params !== undefined) {
      this.#onEvent(message.params);
      return;
    }
    const onResponse = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    onResponse?.(message);
  }

  /** An interrupted connection looks like a quiet one, and a web page can neither send nor see WebSocket pings. */
  #ping(): void {
    if (this.#silent) {
      this.close();
      return;
    }
    this.#silent = true;
    this.request("rpc.ping");
  }

  #finish(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    globalThis.removeEventListener?.("offline", this.close);
    this.#resolveClosed();
  }
}
