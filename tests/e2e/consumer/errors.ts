// The types of errors.
import { isTRPCClientError, type TRPCClientError } from "@trpc/client";
import type { AppRouter, ErrorCode } from "../../../clients/app-router.js";
import { same } from "./same.js";

/** The messages for a form's fields. */
export function fields(error: unknown): Record<string, string[] | undefined> {
  if (!isTRPCClientError<AppRouter>(error) || !error.data) return {};
  const { code, httpStatus, requestId, zodError, retryAfterMs, conflictingId, issues, path } = error.data;
  same<typeof code, ErrorCode>(true);
  same<typeof requestId, string>(true);
  same<typeof httpStatus, number>(true);
  same<typeof retryAfterMs, number | undefined>(true);
  same<typeof conflictingId, number | undefined>(true);
  same<typeof path, string | undefined>(true);
  for (const issue of issues ?? []) same<typeof issue.path, string>(true);
  // @ts-expect-error it is null unless the input is wrong
  zodError.fieldErrors;
  // @ts-expect-error no such code
  if (code === "TEAPOT") return {};
  return zodError?.fieldErrors ?? {};
}

export function retry(error: TRPCClientError<AppRouter>): number | undefined {
  switch (error.data?.code) {
    case "TOO_MANY_REQUESTS":
    case "SERVICE_UNAVAILABLE":
      return error.data.retryAfterMs;
    case "CONFLICT":
      // @ts-expect-error an id is a number
      return error.data.conflictingId?.length;
    default:
      return undefined;
  }
}
