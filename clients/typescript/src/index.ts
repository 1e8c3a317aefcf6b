export { type CallOptions, type Client, createClient, type InputOf, type OutputOf } from "./client.js";
export { ClusterdeskError, type ErrorCode, type ErrorDetails, isClusterdeskError } from "./error.js";
export type { ClientOptions, Source } from "./options.js";
// `ErrorCode` is the one of error.ts, which has more of them.
export type * from "./procedures.js";
export type { SocketConstructor, SocketLike } from "./socket.js";
export type { Subscription } from "./subscription.js";
export type { WatchOptions, WatchRetry, WatchState } from "./watcher.js";
