import type { Issue, ErrorCode as ServerErrorCode, UserSummary } from "./procedures.js";

/**
 * The server's codes, and two of this package.
 * `NETWORK_ERROR`: no response arrived, however often the call was sent; a mutation may or may not have been executed.
 * `MALFORMED_RESPONSE`: the response does not come from clusterdesk, for example a proxy's error page.
 */
export type ErrorCode = ServerErrorCode | "NETWORK_ERROR" | "MALFORMED_RESPONSE";

/** Details of an error, where they apply. */
export interface ErrorDetails {
  /** The JSON-RPC error number. */
  number?: number | undefined;
  httpStatus?: number | undefined;
  /** The procedure that was called. */
  path?: string | undefined;
  /** Identifies the request in the server's log. Quote it when you report the error. */
  requestId?: string | undefined;
  /** `BAD_REQUEST`: every problem of the input. */
  issues?: Issue[] | undefined;
  /** Milliseconds to wait before the next attempt. */
  retryAfterMs?: number | undefined;
  /** `CONFLICT`: the id of the existing object. */
  conflictingId?: number | undefined;
  /** `CONFLICT`: the user has changed since the summary of the `confirmToken`; this is the new one. */
  summary?: UserSummary | undefined;
  /** `SERVICE_UNAVAILABLE`: the mutation may or may not have been executed. */
  outcome?: "unknown" | undefined;
  /** `PRECONDITION_FAILED` of a subscription: events up to this id were purged, and some after `lastEventId` are lost. */
  purgedThrough?: string | undefined;
}

/** Every failure of a call, except an abort, which rejects with the signal's reason as `fetch` does. */
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
  declare readonly summary: UserSummary | undefined;
  declare readonly outcome: "unknown" | undefined;
  declare readonly purgedThrough: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    Object.assign(this, details);
  }
}

/**
 * Whether `error` is a {@link ClusterdeskError} and, if a code is given, has that code.
 * Compares the name, because two copies of this package in one bundle have two different classes.
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
  "INTERNAL_SERVER_ERROR",
  "BAD_GATEWAY",
  "SERVICE_UNAVAILABLE",
  "GATEWAY_TIMEOUT",
  "NETWORK_ERROR",
  "MALFORMED_RESPONSE",
];

/** Whether the same call may succeed later. A subscription then tries again. */
export function isTransient(error: ClusterdeskError): boolean {
  return TRANSIENT.includes(error.code);
}
