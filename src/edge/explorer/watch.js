// One subscription over the JSON-RPC WebSocket. It survives lost connections and goes on after the last event it saw.

import { CallError, ROOT, call } from "./rpc.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** Milliseconds of silence after which the server is asked for a sign of life; as long again, and the line is dead. */
const SILENCE = 30_000;

/** The messages that this page sends have fixed ids: one socket, one subscription. */
const SUBSCRIBE = 1;
const ALIVE = 2;

/** Errors that pass by themselves. */
const PASSING = new Set([
  "UNREACHABLE",
  "SERVICE_UNAVAILABLE",
  "TIMEOUT",
  "TOO_MANY_REQUESTS",
  "INTERNAL_SERVER_ERROR",
]);

export class Watch {
  #socket = null;
  #timer = null;
  #heartbeat = null;
  #attempt = 0;
  #lastEventId;
  #subscription = null;
  #quiet = false;
  #online = () => this.#wake();
  #offline = () => this.#socket && this.#lost(true);

  /**
   * `onEvent(event)`; `onState(state)` with `{name: "connecting" | "live" | "stopped"}`, `{name: "waiting", ms, attempt}`
   * or `{name: "failed", error}`.
   */
  constructor(method, input, token, { onEvent, onState }) {
    Object.assign(this, { method, input, token, onEvent, onState });
    this.#lastEventId = input.lastEventId;
  }

  start() {
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    this.#connect();
  }

  /** The id to resume after. */
  get lastEventId() {
    return this.#lastEventId;
  }

  stop() {
    this.#end({ name: "stopped" });
  }

  #end(state) {
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    clearTimeout(this.#timer);
    this.#hangUp();
    this.onState(state);
  }

  #hangUp() {
    clearInterval(this.#heartbeat);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #connect() {
    this.onState({ name: "connecting" });
    const address = new URL(ROOT);
    address.protocol = address.protocol.replace("http", "ws");
    // A browser can't set headers here; the token goes into a subprotocol, which no log keeps.
    const socket = new WebSocket(address, this.token ? ["clusterdesk", `bearer.${this.token}`] : ["clusterdesk"]);
    let opened = false;
    this.#socket = socket;
    socket.addEventListener("open", () => {
      opened = true;
      const params = this.#lastEventId === undefined ? this.input : { ...this.input, lastEventId: this.#lastEventId };
      this.#send(SUBSCRIBE, this.method, params);
      this.#quiet = false;
      this.#heartbeat = setInterval(() => this.#listen(), SILENCE);
    });
    socket.addEventListener("message", ({ data }) => socket === this.#socket && this.#read(data));
    socket.addEventListener("close", () => socket === this.#socket && this.#lost(opened));
  }

  #send(id, method, params) {
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }

  /** The server's pings can't be seen from a page: ask for something. Any answer will do. */
  #listen() {
    if (this.#quiet) {
      this.#lost(true);
      return;
    }
    this.#quiet = true;
    this.#send(ALIVE, "rpc.unsubscribe", { subscription: "" });
  }

  #read(text) {
    this.#quiet = false;
    const message = JSON.parse(text);
    if (message.id === SUBSCRIBE) {
      if (message.error) return this.#failed(new CallError(message.error));
      this.#subscription = message.result;
      this.#attempt = 0;
      return this.onState({ name: "live" });
    }
    const params = message.params;
    if (message.method === undefined || params?.subscription !== this.#subscription) return;
    if (params.error) return this.#failed(new CallError(params.error));
    if (typeof params.result?.id === "string") this.#lastEventId = params.result.id;
    this.onEvent(params.result);
  }

  #failed(error) {
    if (PASSING.has(error.code)) this.#again(error.retryAfterMs ?? 0);
    else this.#end({ name: "failed", error });
  }

  /** The connection is gone. One that never opened may have been refused; a browser does not say why, a call does. */
  async #lost(opened) {
    const socket = this.#socket;
    clearInterval(this.#heartbeat);
    if (!opened) {
      const refusal = await call("user.me", undefined, { token: this.token }).then(
        () => null,
        (error) => error,
      );
      if (this.#socket !== socket) return;
      if (refusal) return this.#failed(refusal);
    }
    this.#again(0);
  }

  /** Twice as long after each failure, and never all pages at the same moment. */
  #again(atLeast) {
    this.#hangUp();
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempt) * (0.5 + Math.random() / 2);
    const ms = Math.max(atLeast, wait);
    this.#attempt += 1;
    this.onState({ name: "waiting", ms, attempt: this.#attempt });
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #wake() {
    if (this.#socket !== null) return;
    clearTimeout(this.#timer);
    this.#connect();
  }
}
