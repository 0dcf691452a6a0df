import { TRPCClientError } from "@trpc/client";
import type { AppRouter } from "#server/api/root.ts";

export type Failure = { message: string; field: string | null };

/** What a failed call says to the person, and which field of the form it is about. */
export function failureOf(thrown: unknown): Failure {
  if (isApiError(thrown)) {
    // Without data no server answered: the network's own words ("Failed to fetch") help nobody.
    return thrown.data
      ? { message: thrown.message, field: thrown.data.field }
      : { message: "The console does not answer. Check your connection and try again.", field: null };
  }
  return { message: "Something went wrong in this page. Reload it and try again.", field: null };
}

function isApiError(thrown: unknown): thrown is TRPCClientError<AppRouter> {
  return thrown instanceof TRPCClientError;
}
