// Generated from clients/typescript/src by tests/e2e/explorer-bundle. Do not edit.
// @ts-nocheck

// ../../clients/typescript/src/error.ts
var ClusterdeskError = class extends Error {
  name = "ClusterdeskError";
  code;
  constructor(code, message, details = {}, options) {
    super(message, options), this.code = code, Object.assign(this, details);
  }
};
function isClusterdeskError(error, code) {
  return error instanceof Error && error.name === "ClusterdeskError" && (code === void 0 || error.code === code);
}
var TRANSIENT = [
  "TIMEOUT",
  "TOO_MANY_REQUESTS",
  "INTERNAL_SERVER_ERROR",
  "BAD_GATEWAY",
  "SERVICE_UNAVAILABLE",
  "GATEWAY_TIMEOUT",
  "NETWORK_ERROR",
  "MALFORMED_RESPONSE"
];
function isTransient(error) {
  return TRANSIENT.includes(error.code);
}

// ../../clients/typescript/src/message.ts
function request(id, method, params, idempotencyKey) {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params, idempotencyKey });
}
function isMessage(value) {
  return typeof value == "object" && value !== null && !Array.isArray(value);
}
function failure(message, path) {
  let { error } = message;
  if (error === void 0) return;
  if (typeof error?.code != "number" || typeof error.message != "string")
    return malformed("The server's error is malformed.", { path });
  let { code, ...details } = error.data ?? {};
  return code === void 0 ? malformed(error.message, { number: error.code, path }) : new ClusterdeskError(code, error.message, { number: error.code, path, ...details });
}
function outcome(response, path) {
  if (!isMessage(response)) throw malformed("The server did not answer this call.", { path });
  let error = failure(response, path);
  if (error !== void 0) throw error;
  if (!("result" in response)) throw malformed("The response has neither a result nor an error.", { path });
  return response.result;
}
function malformed(message, details) {
  return new ClusterdeskError("MALFORMED_RESPONSE", message, details);
}

// ../../clients/typescript/src/options.ts
async function read(source) {
  return typeof source == "function" ? await source() : source;
}

// ../../clients/typescript/src/http.ts
async function post(options, message, signal) {
  let headers = new Headers(await read(options.headers ?? {})), token = await read(options.token);
  headers.set("content-type", "application/json"), token && headers.set("authorization", `Bearer ${token}`);
  let { fetch = globalThis.fetch } = options, response, text;
  try {
    response = await fetch(options.url, { method: "POST", headers, body: message, signal: signal ?? null }), text = await response.text();
  } catch (cause) {
    throw new ClusterdeskError("NETWORK_ERROR", "The server could not be reached.", {}, { cause });
  }
  try {
    return { body: JSON.parse(text), headers: response.headers };
  } catch {
    throw malformed(`The server answered with status ${response.status} and a body that is not JSON.`, {
      httpStatus: response.status,
      requestId: response.headers.get("x-request-id") ?? void 0
    });
  }
}

// ../../clients/typescript/src/backoff.ts
function backoff(attempt) {
  return Math.min(3e4, 500 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}
function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    let done = () => {
      clearTimeout(timer), signal.removeEventListener("abort", done), globalThis.removeEventListener?.("online", done), resolve();
    }, timer = setTimeout(done, ms);
    signal.addEventListener("abort", done), globalThis.addEventListener?.("online", done);
  });
}

// ../../clients/typescript/src/socket.ts
var EXPIRED = 4401, SILENCE = 2e4, Socket = class {
  /** Resolves when the handshake has succeeded, rejects when it has failed. */
  opened;
  /** Resolves when the connection has ended, for whatever reason. */
  closed;
  /** Whether the server has accepted a subscription, and so the token. */
  proven = !1;
  /** Whether the server has closed the connection because the token has expired. */
  expired = !1;
  #socket;
  #pending = /* @__PURE__ */ new Map();
  #onEvent;
  #lastId = 0;
  #resolveClosed;
  #ended = !1;
  #silent = !1;
  #heartbeat;
  constructor(socket, onEvent) {
    this.#socket = socket, this.#onEvent = onEvent, this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    }), this.opened = new Promise((resolve, reject) => {
      socket.addEventListener("open", () => {
        this.#heartbeat = setInterval(() => this.#ping(), SILENCE), resolve();
      }), this.closed.then(() => reject(new ClusterdeskError("NETWORK_ERROR", "The WebSocket was closed.")));
    }), socket.addEventListener("message", (event) => this.#read(event.data)), socket.addEventListener("close", ({ code }) => {
      this.expired = code === EXPIRED, this.#finish();
    }), socket.addEventListener("error", () => {
    }), globalThis.addEventListener?.("offline", this.close);
  }
  /** Sends a request. `onResponse` is called before any later message is read, and never once the socket is closed. */
  request(method, params, onResponse = () => {
  }) {
    if (this.#ended) return;
    let id = ++this.#lastId;
    this.#pending.set(id, onResponse), this.#socket.send(request(id, method, params));
  }
  /** Ends the connection at once, without waiting for the server. */
  close = () => {
    this.#finish(), this.#socket.close();
  };
  #read(data) {
    if (this.#ended) return;
    this.#silent = !1;
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      this.close();
      return;
    }
    if (!isMessage(message)) return;
    if (message.params !== void 0) {
      this.#onEvent(message.params);
      return;
    }
    let onResponse = this.#pending.get(message.id);
    this.#pending.delete(message.id), onResponse?.(message);
  }
  /** An interrupted connection looks like a quiet one, and a web page can neither send nor see WebSocket pings. */
  #ping() {
    if (this.#silent) {
      this.close();
      return;
    }
    this.#silent = !0, this.request("rpc.ping");
  }
  #finish() {
    this.#ended = !0, clearInterval(this.#heartbeat), globalThis.removeEventListener?.("offline", this.close), this.#resolveClosed();
  }
};

// ../../clients/typescript/src/live.ts
var Live = class {
  #options;
  /** Makes a call that needs the token. */
  #probe;
  #watchers = /* @__PURE__ */ new Set();
  #socket;
  #running = !1;
  #attempt = 0;
  /** Aborted when there are no watchers left. */
  #idle = new AbortController();
  constructor(options, probe) {
    this.#options = options, this.#probe = probe;
  }
  add(watcher) {
    this.#watchers.add(watcher), watcher.change("connecting"), this.#socket !== void 0 ? this.#subscribe(this.#socket, watcher) : this.#running || this.#run();
  }
  remove(watcher, error) {
    this.#watchers.delete(watcher) && (this.#watchers.size === 0 ? this.#idle.abort() : watcher.subscription !== void 0 && this.#socket !== void 0 && unsubscribe(this.#socket, watcher.subscription), watcher.end(error));
  }
  /** Reconnects until there are no watchers left. */
  async #run() {
    for (this.#running = !0; this.#watchers.size > 0; ) {
      let idle = new AbortController();
      this.#idle = idle;
      let error;
      try {
        await this.#connection(idle.signal);
      } catch (reason) {
        if (error = reason, !isTransient(error)) for (let watcher of this.#watchers) this.remove(watcher, error);
      }
      if (idle.signal.aborted) continue;
      let delayMs = Math.max(error?.retryAfterMs ?? 0, backoff(this.#attempt));
      this.#attempt += 1;
      for (let watcher of this.#watchers) watcher.retry({ attempt: this.#attempt, delayMs, error });
      await pause(delayMs, idle.signal);
    }
    this.#running = !1;
  }
  /**
   * Opens a connection, subscribes every watcher, and returns when the connection has ended.
   * @throws {ClusterdeskError} when the connection can't be opened, or its token has expired and there is no other.
   */
  async #connection(idle) {
    let socket = await this.#connect();
    idle.addEventListener("abort", socket.close), idle.aborted && socket.close();
    try {
      await socket.opened;
    } catch (error) {
      if (!idle.aborted) throw await this.#explain(error);
      return;
    }
    this.#socket = socket;
    for (let watcher of this.#watchers) this.#subscribe(socket, watcher);
    await socket.closed, this.#socket = void 0;
    for (let watcher of this.#watchers) watcher.subscription = void 0;
    if (socket.expired && typeof this.#options.token == "string")
      throw new ClusterdeskError("UNAUTHORIZED", "The token has expired.");
  }
  async #connect() {
    let { url, token: source, WebSocket: Constructor = globalThis.WebSocket } = this.#options, token = await read(source).catch((cause) => {
      throw new ClusterdeskError("NETWORK_ERROR", "The token could not be obtained.", {}, { cause });
    }), protocols = token ? ["clusterdesk", `bearer.${token}`] : ["clusterdesk"];
    try {
      let socket = new Socket(
        new Constructor(url.replace(/^http/, "ws"), protocols),
        (event) => this.#event(socket, event)
      );
      return socket;
    } catch (cause) {
      let message = "The token contains characters that a WebSocket subprotocol can't carry.";
      throw new ClusterdeskError("UNAUTHORIZED", message, {}, { cause });
    }
  }
  /** The reason why a handshake failed. A web page can't see it, so a call with the same token or cookie is made instead. */
  async #explain(error) {
    let answer = await this.#probe().catch((reason) => reason);
    return isClusterdeskError(answer) ? answer : error;
  }
  #subscribe(socket, watcher) {
    socket.request(watcher.path, watcher.params, (response) => {
      let error = failure(response, watcher.path);
      error !== void 0 ? this.#failed(socket, watcher, error) : this.#watchers.has(watcher) ? (socket.proven = !0, this.#attempt = 0, watcher.attempt = 0, watcher.subscription = response.result, watcher.change("open")) : unsubscribe(socket, response.result);
    });
  }
  #event(socket, { subscription, result, error }) {
    for (let watcher of this.#watchers) {
      if (subscription === void 0 || watcher.subscription !== subscription) continue;
      let failed = failure({ error }, watcher.path);
      failed === void 0 ? watcher.event(result) : this.#failed(socket, watcher, failed);
    }
  }
  /** The server refused or ended a subscription. */
  #failed(socket, watcher, error) {
    if (watcher.subscription = void 0, error.code === "UNAUTHORIZED" && socket.proven)
      socket.close();
    else if (error.purgedThrough !== void 0 && watcher.restart())
      watcher.change("reconnecting", error), this.#socket === socket && this.#subscribe(socket, watcher);
    else if (isTransient(error)) {
      let delayMs = Math.max(error.retryAfterMs ?? 0, backoff(watcher.attempt));
      watcher.attempt += 1, watcher.retry({ attempt: watcher.attempt, delayMs, error }), pause(delayMs, this.#idle.signal).then(() => {
        this.#socket === socket && this.#watchers.has(watcher) && this.#subscribe(socket, watcher);
      });
    } else
      this.remove(watcher, error);
  }
};
function unsubscribe(socket, subscription) {
  socket.request("rpc.unsubscribe", { subscription });
}

// ../../clients/typescript/src/repeat.ts
var REPETITIONS = 3;
function newKey() {
  let bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
async function repeat(attempt, repetitions, signal) {
  for (let count = 0; ; count += 1)
    try {
      return await attempt();
    } catch (error) {
      if (count >= repetitions || !isClusterdeskError(error) || !isUnanswered(error)) throw error;
      await pause(Math.max(error.retryAfterMs ?? 0, backoff(count)), signal ?? new AbortController().signal), signal?.throwIfAborted();
    }
}
function isUnanswered({ code, httpStatus = 0, retryAfterMs, outcome: outcome2 }) {
  switch (code) {
    case "NETWORK_ERROR":
      return !0;
    // A proxy's page about a server that it does not reach.
    case "MALFORMED_RESPONSE":
      return httpStatus >= 502 && httpStatus <= 504;
    case "SERVICE_UNAVAILABLE":
      return retryAfterMs !== void 0 || outcome2 === "unknown";
    // The first call with the key still runs.
    case "CONFLICT":
      return retryAfterMs !== void 0;
    default:
      return !1;
  }
}

// ../../clients/typescript/src/watcher.ts
var Watcher = class {
  /** Its id on the present connection. */
  subscription;
  /** Attempts that failed since it was last open. */
  attempt = 0;
  path;
  #input;
  #options;
  #lastEventId;
  #state;
  constructor(path, input, options) {
    this.path = path, this.#input = input, this.#options = options;
  }
  /** The input, with the id of the last event, after which to resume. */
  get params() {
    return this.#lastEventId === void 0 ? this.#input : { ...this.#input, lastEventId: this.#lastEventId };
  }
  event(event) {
    let id = event?.id;
    typeof id == "string" && (this.#lastEventId = id), notify(this.#options.onEvent, event);
  }
  /** Forgets the last event, so that the next subscription begins with `ready`. False if there was none yet. */
  restart() {
    return this.#lastEventId === void 0 ? !1 : (this.#lastEventId = void 0, this.#input = { ...this.#input, lastEventId: void 0 }, !0);
  }
  change(state, error) {
    state === this.#state || this.#state === "closed" || (this.#state = state, notify(this.#options.onStateChange, state, error));
  }
  retry(retry) {
    this.change("reconnecting", retry.error), notify(this.#options.onRetry, retry);
  }
  end(error) {
    error !== void 0 && notify(this.#options.onError, error), this.change("closed", error);
  }
};
function notify(listener, ...args) {
  try {
    listener?.(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
export {
  ClusterdeskError,
  Live,
  REPETITIONS,
  Watcher,
  failure,
  newKey,
  outcome,
  post,
  repeat,
  request
};
