import { expect, test } from "vitest";
import { callFunction, eventually, testRuntime } from "./test-runtime.ts";

const slow = `export default { async fetch() { await scheduler.wait(4_000); return new Response("slow"); } };`;
const quick = `export default { fetch: () => new Response("quick") };`;
const code = (text: string): unknown => JSON.parse(text).error.code;

test("an organization that fills all the instances it may have leaves room for another's first call, and is itself told to come back", async () => {
  await using runtime = await testRuntime({ INSTANCES_MAX: "5" });
  const one = { concurrencyPerInstanceMax: 1, instancesMax: 1 };
  const flooding = await Promise.all(
    Array.from({ length: 8 }, (_, at) => runtime.deploy(`slow-${at}`, slow, one, "flooder")),
  );
  const other = await runtime.deploy("quick", quick, {}, "other");
  const flood = flooding.map(({ host }) => callFunction(runtime, host));
  await eventually(
    () => runtime.metrics(),
    (text) => /^sluice_instances 4$/m.test(text),
  );
  const beganAt = performance.now();
  expect((await callFunction(runtime, other.host)).text).toBe("quick");
  // Long before any of the flood is over: it did not wait for one of those places.
  expect(performance.now() - beganAt).toBeLessThan(3_500);
  const answers = await Promise.all(flood);
  expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(4);
});

test("of calls that wait, one organization's have so many seats and no more; past them it gets 503 or 429 with retry-after at once, and another's still wait", async () => {
  await using runtime = await testRuntime({ INSTANCES_MAX: "2", WAITING_MAX: "5" });
  const one = { concurrencyPerInstanceMax: 1, instancesMax: 1 };
  const busy = await runtime.deploy("busy", slow, one, "flooder");
  const other = await runtime.deploy("quick", quick, one, "other");
  const flood = Array.from({ length: 30 }, () => callFunction(runtime, busy.host));
  const first = await Promise.race(flood);
  expect([first.status, code(first.text), first.headers["retry-after"]]).toEqual([429, "too_many_concurrent", "1"]);
  const others = await Promise.all(Array.from({ length: 5 }, () => callFunction(runtime, other.host)));
  expect(others.map(({ text }) => text)).toEqual(Array.from({ length: 5 }, () => "quick"));
  const answers = await Promise.all(flood);
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(24);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(1);
});
