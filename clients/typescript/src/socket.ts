import { ClusterdeskError } from "./error.js";
import { isMessage, request, type Message } from "./message.js";

/** What is used of a WebSocket, so that a browser's and the package `ws`'s both fit. */
export interface SocketLike {
  send(data: string): void;
  close(): void;
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: any) => void): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** Milliseconds of silence after which the server is asked for a sign of life; as long again, and the line is dead. */
const SILENCE = 30_000;

/** One connection, from its handshake to its end. */
export class Socket {
  /** Resolves when the handshake succeeded, rejects when it did not. */
  readonly opened: Promise<void>;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  /** Whether the server has answered anything with a result, so that it has accepted the token. */
  proven = false;

  readonly #socket: SocketLike;
  readonly #answers = new Map<unknown, (answer: Message) => void>();
  readonly #events: (params: NonNullable<Message["params"]>) => void;
  #lastId = 0;
  #end!: () => void;
  #ended = false;
  #silent = false;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  constructor(socket: SocketLike, events: (params: NonNullable<Message["params"]>) => void) {
    this.#socket = socket;
    this.#events = events;
    this.closed = new Promise((resolve) => (this.#end = resolve));
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener("open", () => {
        this.#heartbeat = setInterval(() => this.#listen(), SILENCE);
        resolve();
      });
      void this.closed.then(() => reject(new ClusterdeskError("NETWORK_ERROR", "The WebSocket was closed.")));
    });
    socket.addEventListener("message", (event) => this.#read(event.data));
    socket.addEventListener("close", () => this.#finish());
    // What is wrong, browsers don't say; the close that follows is all we need.
    socket.addEventListener("error", () => {});
  }

  /** Sends a request. The answer is handed over before any later message is read; none comes from a closed socket. */
  request(method: string, params: unknown, answered: (answer: Message) => void = () => {}): void {
    if (this.#ended) return;
    const id = ++this.#lastId;
    this.#answers.set(id, answered);
    this.#socket.send(request(id, method, params));
  }

  /** Ends the connection at once, also when the other side is gone. */
  close(): void {
    this.#finish();
    this.#socket.close();
  }

  #read(data: unknown): void {
    if (this.#ended) return;
    this.#silent = false;
    let message: unknown;
    try {
      message = JSON.parse(String(data));
    } catch {
      return this.close();
    }
    if (!isMessage(message)) return;
    if (message.params !== undefined) return this.#events(message.params);
    this.proven ||= message.error === undefined;
    const answered = this.#answers.get(message.id);
    this.#answers.delete(message.id);
    answered?.(message);
  }

  /** A line that is cut looks like a quiet one, and the server's pings can't be seen from a web page. */
  #listen(): void {
    if (this.#silent) return this.close();
    this.#silent = true;
    this.request("rpc.unsubscribe", { subscription: "" });
  }

  #finish(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    this.#end();
  }
}
