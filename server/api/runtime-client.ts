import { request } from "undici";
import { readiness } from "#server/contract/prepare.ts";
import type { Readiness } from "#server/functions/readiness.ts";

/** A start may wait for a busy machine; past this the runtime is as good as gone. */
const ANSWER_MS_MAX = 30_000;

/** Asks the runtime, over its internal HTTP API, whether a version starts. */
export function runtimeReadiness(env: { RUNTIME_URL: string; INTERNAL_SECRET: string }): Readiness {
  const url = new URL("/internal/prepare", env.RUNTIME_URL);
  return {
    async prepare(spec) {
      try {
        const answer = await request(url, {
          method: "POST",
          headers: { authorization: `Bearer ${env.INTERNAL_SECRET}`, "content-type": "application/json" },
          body: JSON.stringify(spec),
          signal: AbortSignal.timeout(ANSWER_MS_MAX),
        });
        if (answer.statusCode !== 200) {
          await answer.body.dump();
          return unavailable(`answered ${answer.statusCode}`);
        }
        return readiness.parse(await answer.body.json());
      } catch (thrown) {
        if (!isNetworkError(thrown)) throw thrown;
        return unavailable("can't be reached");
      }
    },
  };
}

function unavailable(what: string) {
  const message = `The runtime ${what}, so nothing was changed. Deploy again in a moment; if it stays so, ask your operator to look at the runtime.`;
  return { kind: "unavailable", message } as const;
}

/** Refused, reset, timed out: what undici and the system throw for a peer that is not there. */
export function isNetworkError(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return thrown.name === "TimeoutError" || thrown.name === "AbortError" || "code" in thrown;
}
