import { randomBytes } from "node:crypto";
import { initTRPC, TRPCError } from "@trpc/server";
import superjson from "superjson";
import { z } from "zod";
import type { Permission } from "#server/accounts/roles.ts";
import { currentUser } from "#server/accounts/user.ts";
import { Fault, messageOf, type FaultCode } from "#server/std/fault.ts";
import { allowedMember } from "./allowed-member.ts";
import type { Context } from "./context.ts";

/** What an answer says of a failure beside its message: a code to hold on to, and the form field that it belongs to. */
export type FailureData = { faultCode: FaultCode | "internal"; field: string | null };

const t = initTRPC.context<Context>().create({
  transformer: superjson,
  isDev: false, // else tRPC adds the stack, which names our files
  errorFormatter({ shape, error }) {
    const { code, httpStatus, path } = shape.data;
    const failure = failureOf(error);
    return { ...shape, message: failure.message, data: { code, httpStatus, path, ...failure.data } };
  },
});

export const router = t.router;
export const createCallerFactory = t.createCallerFactory;

const trpcCodes = {
  invalid: "BAD_REQUEST",
  not_signed_in: "UNAUTHORIZED",
  forbidden: "FORBIDDEN",
  not_found: "NOT_FOUND",
  conflict: "CONFLICT",
  too_many: "TOO_MANY_REQUESTS",
  too_large: "PAYLOAD_TOO_LARGE",
  unavailable: "SERVICE_UNAVAILABLE",
} as const satisfies Record<FaultCode, TRPCError["code"]>;

/** The one place where a fault becomes tRPC's, and where a bug is logged: the caller gets its id and nothing of it. */
const translateFailures = t.middleware(async ({ ctx, path, next }) => {
  const result = await next();
  if (result.ok) return result;
  const { error } = result;
  if (error.cause instanceof Fault) {
    throw new TRPCError({ code: trpcCodes[error.cause.code], message: error.cause.message, cause: error.cause });
  }
  if (error.code !== "INTERNAL_SERVER_ERROR") throw error;
  const errorId = randomBytes(4).toString("hex");
  ctx.log.error({ errorId, path, userId: ctx.userId, err: error.cause ?? error }, messageOf(error.cause ?? error));
  throw new TRPCError({
    code: "INTERNAL_SERVER_ERROR",
    message: `Something went wrong on our side. Try again; if it stays, tell your operator error ${errorId}.`,
  });
});

function failureOf(error: TRPCError): { message: string; data: FailureData } {
  const { cause } = error;
  if (cause instanceof Fault) {
    return { message: cause.message, data: { faultCode: cause.code, field: cause.field ?? null } };
  }
  if (cause instanceof z.ZodError) {
    const issue = cause.issues[0];
    const field = issue?.path[0];
    return {
      message: issue?.message ?? "The request is not valid.",
      data: { faultCode: "invalid", field: field === undefined ? null : String(field) },
    };
  }
  const codes = Object.entries(trpcCodes);
  const known = codes.find(([, code]) => code === error.code)?.[0];
  return { message: error.message, data: { faultCode: isFaultCode(known) ? known : "internal", field: null } };
}

function isFaultCode(text: string | undefined): text is FaultCode {
  return text !== undefined && text in trpcCodes;
}

export const publicProcedure = t.procedure.use(translateFailures);

export const signedInProcedure = publicProcedure.use(({ ctx, next }) => {
  if (!ctx.userId) throw new Fault("not_signed_in", "Sign in first.");
  return next({ ctx: { ...ctx, userId: ctx.userId } });
});

/** For members of the organization named in the input whose role holds the permission. */
export function organizationProcedure(permission: Permission) {
  return signedInProcedure
    .input(z.object({ organizationSlug: z.string().max(100) }))
    .use(async ({ ctx, input, next }) => {
      const { organizationSlug } = input;
      const { organization, role } = await allowedMember(ctx.db, { userId: ctx.userId, organizationSlug, permission });
      return next({ ctx: { ...ctx, organization, role } });
    });
}

/** For operators of the installation. To everybody else the door is not there. */
export const operatorProcedure = signedInProcedure.use(async ({ ctx, next }) => {
  const { isOperator } = await currentUser(ctx.db, ctx.userId);
  if (!isOperator) throw new Fault("not_found", "There is nothing here.");
  return next({ ctx });
});
