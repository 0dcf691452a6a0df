import { request } from "undici";
import { readiness, readinessPath, refreshPath } from "#server/contract/prepare.ts";
import type { Readiness } from "#server/functions/readiness.ts";
import type { Log } from "#server/std/log.ts";

/** A start may wait for a busy machine; past this the runtime is as good as gone. */
const ANSWER_MS_MAX = 30_000;
/** Others learn of a change by NOTIFY within milliseconds: a runtime that is slower than this is not worth waiting for. */
const REFRESH_MS_MAX = 1_000;

type RuntimeAddress = { RUNTIME_URL: string; INTERNAL_SECRET: string };

/** Asks the runtime, over its internal HTTP API, whether a version starts. */
export function runtimeReadiness(env: RuntimeAddress, log: Log): Readiness {
  const post = (path: string, body: unknown, timeMsMax: number) =>
    request(new URL(path, env.RUNTIME_URL), {
      method: "POST",
      headers: { authorization: `Bearer ${env.INTERNAL_SECRET}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeMsMax),
    });
  return {
    async prepare(spec) {
      try {
        const answer = await post(readinessPath, spec, ANSWER_MS_MAX);
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
    async changed(functionId) {
      try {
        const answer = await post(refreshPath, { functionId }, REFRESH_MS_MAX);
        await answer.body.dump();
      } catch (error) {
        log.warn(
          { err: error, functionId },
          "the runtime could not be told of a deployment; it learns of it by NOTIFY",
        );
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
