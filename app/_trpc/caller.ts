import "server-only";
import { TRPCError } from "@trpc/server";
import { headers } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { cache } from "react";
import { createContext } from "#server/api/context.ts";
import { createCaller } from "#server/api/root.ts";
import { PATH_HEADER } from "#server/auth/noted-headers.ts";
import { isOwnPath } from "./own-path.ts";

/** The way of server components to server/api: in process, with the visitor's own permissions; one context a request. */
export const caller = cache(async () => createCaller(await createContext(await headers())));

/** What a page shows when its data can't be had: not there, and not yours to see, look the same. */
export async function orNotFound<Result>(promise: Promise<Result>): Promise<Result> {
  try {
    return await promise;
  } catch (thrown) {
    if (thrown instanceof TRPCError && thrown.code === "UNAUTHORIZED") redirect(await signInAddress());
    if (thrown instanceof TRPCError && thrown.code === "NOT_FOUND") notFound();
    throw thrown;
  }
}

async function signInAddress(): Promise<string> {
  const path = (await headers()).get(PATH_HEADER);
  return path !== null && isOwnPath(path) ? `/sign-in?next=${encodeURIComponent(path)}` : "/sign-in";
}

/** The answer, or null to those whose role does not allow the question. */
export async function orForbidden<Result>(promise: Promise<Result>): Promise<Result | null> {
  try {
    return await promise;
  } catch (thrown) {
    if (thrown instanceof TRPCError && thrown.code === "FORBIDDEN") return null;
    throw thrown;
  }
}
