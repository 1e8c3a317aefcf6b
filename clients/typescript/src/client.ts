import { Batcher } from "./batch.js";
import { post } from "./http.js";
import { Live } from "./live.js";
import type { ClientOptions } from "./options.js";
import type { Procedures } from "./procedures.js";
import { newKey, REPETITIONS, repeat } from "./repeat.js";
import { type Subscription, subscribe } from "./subscription.js";
import type { WatchOptions } from "./watcher.js";

/** The input of a procedure, by its name: `InputOf<"k8s.create">`. */
export type InputOf<N extends keyof Procedures> = Procedures[N]["input"];
/** The output of a procedure; for a subscription, one event. */
export type OutputOf<N extends keyof Procedures> = Procedures[N]["output"];

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** What a mutation is called: 1 to 255 printable ASCII characters. By default each call gets a random key. */
  idempotencyKey?: string | undefined;
}

/** An optional input is a union with void. */
type Arguments<I, O> = undefined extends I ? [input?: Exclude<I, void>, options?: O] : [input: I, options?: O];

type Callable<P> = P extends { kind: "subscription"; input: infer I; output: infer E }
  ? (...args: Arguments<I, WatchOptions<E>>) => Subscription<E>
  : P extends { input: infer I; output: infer R }
    ? (...args: Arguments<I, CallOptions>) => Promise<R>
    : never;

type Namespace<N> = N extends `${infer S}.${string}` ? S : never;
type Member<N, S extends string> = N extends `${S}.${infer M}` ? M : never;

/** Every procedure under its canonical and its old name: `client.k8s.create({…})`. */
export type Client = {
  readonly [S in Namespace<keyof Procedures>]: {
    readonly [N in keyof Procedures as Member<N, S>]: Callable<Procedures[N]>;
  };
};

type NameOf<K> = { [N in keyof Procedures]: Procedures[N]["kind"] extends K ? N : never }[keyof Procedures];

/** Subscriptions need another transport, and types do not exist at run time. The compiler checks that none is missing. */
const SUBSCRIPTIONS: Record<NameOf<"subscription">, true> = { "admin.watchAudit": true, "k8s.watch": true };

/** Mutations get an idempotency key, and are sent again. */
const MUTATIONS: Record<NameOf<"mutation">, true> = {
  "admin.deleteCluster": true,
  "admin.reconcileUser": true,
  "admin.replayWebhook": true,
  "admin.restoreCluster": true,
  "admin.setRole": true,
  "customer.create": true,
  "customer.insertCustomer": true,
  "customer.updateUserName": true,
  "k8s.create": true,
  "k8s.createCluster": true,
  "k8s.delete": true,
  "k8s.deleteCluster": true,
  "k8s.restore": true,
  "k8s.setStatus": true,
  "k8s.update": true,
  "k8s.updateCluster": true,
  "session.revoke": true,
  "session.revokeAll": true,
  "stripe.createSession": true,
  "token.create": true,
  "token.revoke": true,
  "token.rotate": true,
  "user.delete": true,
  "user.softDelete": true,
  "user.updateName": true,
};

export function createClient(options: ClientOptions): Client {
  const url = new URL(options.url).href;
  const batcher = new Batcher(async (message, signal) => (await post({ ...options, url }, message, signal)).body);
  const live = new Live({ ...options, url }, () => batcher.call("user.me", undefined));
  const invoke = (path: string, input: object | undefined, own: CallOptions & WatchOptions<unknown> = {}) => {
    if (Object.hasOwn(MUTATIONS, path)) {
      const sending = { signal: own.signal, idempotencyKey: own.idempotencyKey ?? newKey() };
      return repeat(() => batcher.call(path, input, sending), options.repetitions ?? REPETITIONS, own.signal);
    }
    if (!Object.hasOwn(SUBSCRIPTIONS, path)) return batcher.call(path, input, { signal: own.signal });
    if ((options.WebSocket ?? globalThis.WebSocket) === undefined) {
      throw new TypeError("This runtime has no global WebSocket. Pass one: createClient({ WebSocket, … }).");
    }
    return subscribe(live, path, input, own);
  };
  const namespace = (space: string) =>
    byName((name) => (input?: object, own?: CallOptions) => invoke(`${space}.${name}`, input, own));
  return byName(namespace) as Client;
}

/** An object with a property for every name except `then`: an async function that returned it would await it otherwise. */
function byName<T>(make: (name: string) => T): object {
  const made = new Map<string, T>();
  return new Proxy(Object.create(null) as object, {
    get(_, name) {
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      const property = made.get(name) ?? make(name);
      made.set(name, property);
      return property;
    },
  });
}
