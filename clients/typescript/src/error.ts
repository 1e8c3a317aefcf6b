import type { ErrorCode as ServerErrorCode, Issue } from "./procedures.js";

/**
 * What to switch on: the server's codes and two of this package.
 * `NETWORK_ERROR`: no answer came; a mutation may have happened or not.
 * `MALFORMED_RESPONSE`: what came is no answer of clusterdesk, such as the error page of a proxy.
 */
export type ErrorCode = ServerErrorCode | "NETWORK_ERROR" | "MALFORMED_RESPONSE";

/** What is known of an error beyond its code and sentence. */
export interface ErrorDetails {
  /** JSON-RPC's number. */
  number?: number | undefined;
  httpStatus?: number | undefined;
  /** The procedure that was called. */
  path?: string | undefined;
  /** Quote it when you report the error: the server's log has it too. */
  requestId?: string | undefined;
  /** Everything that is wrong with the input, for `BAD_REQUEST`. */
  issues?: Issue[] | undefined;
  /** Milliseconds after which another try makes sense. */
  retryAfterMs?: number | undefined;
  /** The object that is in the way, for `CONFLICT`. */
  conflictingId?: number | undefined;
}

/** Every failure of a call but an abort, which rejects with the signal's reason, as `fetch` does. */
export class ClusterdeskError extends Error implements ErrorDetails {
  override readonly name = "ClusterdeskError";
  readonly code: ErrorCode;
  declare readonly number: number | undefined;
  declare readonly httpStatus: number | undefined;
  declare readonly path: string | undefined;
  declare readonly requestId: string | undefined;
  declare readonly issues: Issue[] | undefined;
  declare readonly retryAfterMs: number | undefined;
  declare readonly conflictingId: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    Object.assign(this, details);
  }
}

/**
 * Whether `error` is a {@link ClusterdeskError}, and has this code if one is given.
 * Looks at the name, because two copies of this package in a bundle have two classes.
 */
export function isClusterdeskError<C extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: C,
): error is ClusterdeskError & { readonly code: C } {
  return (
    error instanceof Error &&
    error.name === "ClusterdeskError" &&
    (code === undefined || (error as ClusterdeskError).code === code)
  );
}

const TRANSIENT: readonly string[] = [
  "TIMEOUT",
  "TOO_MANY_REQUESTS",
  "CLIENT_CLOSED_REQUEST",
  "INTERNAL_SERVER_ERROR",
  "BAD_GATEWAY",
  "SERVICE_UNAVAILABLE",
  "GATEWAY_TIMEOUT",
  "NETWORK_ERROR",
  "MALFORMED_RESPONSE",
];

/** Whether the same call may succeed later, so that a subscription tries again. */
export function isTransient(error: ClusterdeskError): boolean {
  return TRANSIENT.includes(error.code);
}
