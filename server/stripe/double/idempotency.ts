import { createHash } from "node:crypto";
import { Refusal } from "./refusal.ts";

const KEPT_MS = 24 * 3_600_000;

export type Answer = { status: number; body: string; headers?: Record<string, string> };
type Saved = { fingerprint: string; atMs: number; answer: Answer | undefined };

/** What was answered under a key is answered again for a day: a 500 as well as anything else. */
export class IdempotencyKeys {
  readonly #saved = new Map<string, Saved>();

  /** The saved answer of a key, or undefined when the request is the first under it. Throws for another request under the same key, and while the first is under way. */
  begin(key: string, request: { method: string; path: string; body: string }, nowMs: number): Answer | undefined {
    const fingerprint = createHash("sha256").update(`${request.method} ${request.path}\n${request.body}`).digest("hex");
    const known = this.#saved.get(key);
    if (!known || nowMs - known.atMs >= KEPT_MS) {
      this.#saved.set(key, { fingerprint, atMs: nowMs, answer: undefined });
      return undefined;
    }
    if (known.fingerprint !== fingerprint)
      throw new Refusal(
        400,
        `Keys for idempotent requests can only be used with the same parameters they were first used with: ${key}.`,
        {
          type: "idempotency_error",
        },
      );
    if (!known.answer)
      throw new Refusal(409, `There is currently another in-progress request using this Idempotent Key: ${key}.`, {
        type: "idempotency_error",
        code: "idempotency_key_in_use",
      });
    return known.answer;
  }

  save(key: string, answer: Answer): void {
    const known = this.#saved.get(key);
    if (known) known.answer = answer;
  }

  /** A request that never began under the key, since it was malformed or turned away. */
  forget(key: string): void {
    this.#saved.delete(key);
  }
}
