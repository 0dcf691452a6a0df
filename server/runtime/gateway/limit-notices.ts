import type { RequestOutcome } from "#server/contract/usage.ts";
import type { AnswerCode } from "./answer.ts";
import type { Call } from "./call.ts";
import type { Desk } from "./desk.ts";
import type { ServedVersion } from "./thread-messages.ts";

/** Refusals of one kind are told together: a flood of calls must not become a flood of lines. */
const TELL_EVERY_MS = 1_000;

/** Outcomes that the tenant's own log explains, under the call that met them. */
const explained = new Set<RequestOutcome>([
  "cpu_limit",
  "memory_limit",
  "time_limit",
  "body_too_large",
  "function_crashed",
]);

/** Says in a function's log which limit was met, and what to do about it. */
export class LimitNotices {
  readonly #desk: Desk;
  readonly #refused = new Map<string, { version: ServedVersion; count: number; message: string }>();
  readonly #timer: NodeJS.Timeout;

  constructor(desk: Desk) {
    this.#desk = desk;
    this.#timer = setInterval(() => this.#tell(), TELL_EVERY_MS);
    this.#timer.unref();
  }

  /** A call ended by a limit. `message` is what its caller was told. */
  ended(call: Call, outcome: RequestOutcome, message: string): void {
    if (!explained.has(outcome)) return;
    this.#desk.notice(call.version, { requestId: call.requestId, atMs: Date.now(), level: "error", message });
  }

  /** A call was refused before an instance worked on it. */
  refused(version: ServedVersion, code: AnswerCode, message: string): void {
    const key = `${version.functionId} ${code}`;
    const known = this.#refused.get(key);
    if (known) known.count += 1;
    else this.#refused.set(key, { version, count: 1, message });
  }

  #tell(): void {
    for (const { version, count, message } of this.#refused.values()) {
      const calls = count === 1 ? "A call was" : `${count} calls were`;
      this.#desk.notice(version, {
        requestId: null,
        atMs: Date.now(),
        level: "warn",
        message: `${calls} refused within a second: ${message}`,
      });
    }
    this.#refused.clear();
  }
}
