export { createClient, type CallOptions, type Client, type InputOf, type OutputOf } from "./client.js";
export { ClusterdeskError, isClusterdeskError, type ErrorCode, type ErrorDetails } from "./error.js";
export type { ClientOptions, Source } from "./options.js";
// `ErrorCode` is the one of error.ts, which has more of them.
export type * from "./procedures.js";
export type { SocketConstructor, SocketLike } from "./socket.js";
export type { Subscription } from "./subscription.js";
export type { WatchOptions, WatchState } from "./watcher.js";
