/**
 * A refusal that the caller may show to a person: a code that machines hold on to, what happened, and what to do.
 * Each door (tRPC, gateway, route handler) translates faults once; anything else that is thrown is a bug.
 */
export type FaultCode =
  | "invalid"
  | "not_signed_in"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_many"
  | "too_large"
  | "unavailable";

/** On every fault, whichever copy of this module made it. */
const MARK = Symbol.for("sluice.fault");

export class Fault extends Error {
  readonly [MARK] = true;
  readonly code: FaultCode;
  /** The form field that the message belongs to, where there is one. */
  readonly field: string | undefined;

  constructor(code: FaultCode, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "Fault";
    this.code = code;
    this.field = options.field;
  }

  /** Next makes a copy of each module for each of its bundles, and a fault that one made is one in the others too. */
  static override [Symbol.hasInstance](thrown: unknown): thrown is Fault {
    return typeof thrown === "object" && thrown !== null && MARK in thrown;
  }
}

/** What an unknown thrown thing says, for logs. Never for a tenant: it may hold paths and internals. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a system error ("ENOENT", "EADDRINUSE"), or undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
