import { expect, test } from "vitest";
import { createLog } from "#server/std/log.ts";
import { lookAtAllowances } from "./allowance-watch.ts";

test("each look goes from the last good one on, the whole month again each minute, and a trouble is said once", async () => {
  const clock = { nowMs: () => nowMs, monotonicUs: () => 0 };
  let nowMs = 1_000_000;
  let trouble: Error | undefined;
  const asked: number[] = [];
  const said: string[] = [];
  const log = createLog("test", "silent");
  log.error = (_: unknown, text?: string) => void said.push(text ?? "");
  const look = lookAtAllowances({
    clock,
    log,
    update: async (since) => {
      asked.push(since.getTime());
      if (trouble) throw trouble;
      return { stopped: [], opened: [] };
    },
  });
  const tick = async () => {
    await look();
    nowMs += 2_000;
  };
  await tick();
  await tick();
  trouble = new Error("Postgres is away");
  await tick();
  await tick();
  trouble = undefined;
  await tick();
  nowMs += 60_000;
  await tick();
  expect(asked).toEqual([0, 1_000_000, 1_002_000, 1_002_000, 1_002_000, 0]);
  expect(said).toEqual([expect.stringContaining("could not be looked at")]);
});
