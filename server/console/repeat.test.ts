import { expect, test } from "vitest";
import { createLog } from "#server/std/log.ts";
import { repeat, turnOf } from "./repeat.ts";

test("a job that fails is tried at every turn, and its trouble is said once, and once that it is over", async () => {
  const said: string[] = [];
  const log = createLog("test", "silent");
  log.error = (_: unknown, text?: string) => void said.push(text ?? "");
  log.info = (_: unknown, text?: string) => void said.push(text ?? "");
  let trouble: Error | undefined = new Error("Postgres is away");
  let runs = 0;
  const turn = turnOf(
    {
      name: "budgets",
      everyMs: 1,
      run: async () => {
        runs += 1;
        if (trouble) throw trouble;
      },
    },
    log,
  );
  await turn();
  await turn();
  trouble = undefined;
  await turn();
  await turn();
  expect(runs).toBe(4);
  expect(said).toEqual(["budgets: failed; tried again at every turn", "budgets: works again"]);
});

test("runs never overlap, and a stop waits for the one under way", async () => {
  let [under, most, runs] = [0, 0, 0];
  const job = {
    name: "slow",
    everyMs: 0,
    run: async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setTimeout(resolve, 5));
      under -= 1;
      runs += 1;
    },
  };
  const running = repeat(job, createLog("test", "silent"));
  await expect.poll(() => runs).toBeGreaterThan(2);
  await running.stop();
  expect({ under, most }).toEqual({ under: 0, most: 1 });
});
