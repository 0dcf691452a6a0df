import { setTimeout as pause } from "node:timers/promises";
import { Agent, type Dispatcher } from "undici";
import { z } from "zod";
import { errnoOf } from "#server/std/fault.ts";
import type { FloodCounts } from "./drill-state.ts";

/** Where the gateway listens on this machine, and the host by which a function answers there. */
export type Gateway = { port: number; hostOf(names: { functionName: string; organizationSlug: string }): string };

export type FloodTarget = { port: number; host: string };

/** Who is told to come later, or finds nobody, waits so long before the next call: else the rest of the flood is over in a blink. */
const LATER_MS = 100;
const NOBODY_MS = 500;
/** More is not read of an answer of which only the platform's code is wanted. */
const CODE_BYTES_MAX = 4_096;

/** What the platform answers where no call took place, or none that is charged. Its other answers tell of a function that failed. */
const uncharged = new Set([
  "spend_cap_reached",
  "function_not_found",
  "rate_limited",
  "too_many_concurrent",
  "overloaded",
  "platform_failed",
]);

const platformAnswer = z.object({ error: z.object({ code: z.string().max(40) }) });

/**
 * Calls a function over HTTP as strangers would, so many at a time, until all calls are made or the time is over; then it
 * hangs up on what is still under way. `counts` moves while it runs.
 */
export async function flood(
  target: FloodTarget,
  of: { calls: number; concurrency: number; timeMsMax: number; counts: FloodCounts },
): Promise<void> {
  const { calls, concurrency, timeMsMax, counts } = of;
  const agent = new Agent({ connections: concurrency, headersTimeout: timeMsMax, bodyTimeout: timeMsMax });
  const over = AbortSignal.timeout(timeMsMax);
  const caller = async (): Promise<void> => {
    while (counts.made < calls && !over.aborted) {
      counts.made += 1;
      const outcome = await callOnce(agent, target, over);
      count(counts, outcome);
      if (outcome.kind === "other") await pause(outcome.waitMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, caller));
  } finally {
    await agent.destroy();
  }
}

type Outcome = { kind: "answered" } | { kind: "refused" } | { kind: "other"; what: string; waitMs: number };

function count(counts: FloodCounts, outcome: Outcome): void {
  switch (outcome.kind) {
    case "answered":
      counts.answered += 1;
      return;
    case "refused":
      counts.refused += 1;
      return;
    case "other":
      counts.other[outcome.what] = (counts.other[outcome.what] ?? 0) + 1;
  }
}

async function callOnce(agent: Agent, { port, host }: FloodTarget, signal: AbortSignal): Promise<Outcome> {
  try {
    const answer = await agent.request({
      origin: `http://127.0.0.1:${port}`,
      path: "/",
      method: "GET",
      headers: { host, "user-agent": "sluice-flood-drill" },
      signal,
    });
    return outcomeOf(answer.statusCode, await readWhole(answer));
  } catch (thrown) {
    if (!signal.aborted && errnoOf(thrown) === undefined) throw thrown;
    // Cut off at the end, or hung up on, or refused by a gateway that is stopping: nobody got an answer.
    return { kind: "other", what: signal.aborted ? "no answer in time" : "no answer", waitMs: NOBODY_MS };
  }
}

/** To the last byte, as answers are charged by what leaves; only its beginning is kept. */
async function readWhole({ body }: Dispatcher.ResponseData): Promise<Buffer> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new Error("a body is bytes");
    if (bytes < CODE_BYTES_MAX) kept.push(chunk);
    bytes += chunk.length;
  }
  return bytes > CODE_BYTES_MAX ? Buffer.alloc(0) : Buffer.concat(kept);
}

/** A function may answer with any of these statuses itself: then there is no code of the platform's in it. */
function outcomeOf(status: number, body: Buffer): Outcome {
  if (status < 400) return { kind: "answered" };
  const code = platformCode(body);
  if (code === undefined || !uncharged.has(code)) return { kind: "answered" };
  if (code === "spend_cap_reached") return { kind: "refused" };
  return { kind: "other", what: `${status} ${code}`, waitMs: LATER_MS };
}

function platformCode(body: Buffer): string | undefined {
  try {
    return platformAnswer.safeParse(JSON.parse(body.toString("utf8"))).data?.error.code;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
