import { once } from "node:events";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AFTER_MAX, callKey, CpuAccount } from "./cpu-account.ts";

const account = (clock: { nowNs: number | undefined }, callsMax = 10) =>
  new CpuAccount(CpuAccount.memoryFor(callsMax), () => clock.nowNs);
const key = (id: number) => callKey(`req_${id}`);

test("a call that is alone is charged exactly what the clock advanced", () => {
  const clock = { nowNs: 40 };
  const cpu = account(clock);
  cpu.listens();
  const place = cpu.enter(key(1)) ?? -1;
  clock.nowNs = 1040;
  expect(cpu.leave(place)).toBe(1000);
  clock.nowNs = 1050;
  expect(cpu.settle()).toEqual({ totalNs: 1050, startUpNs: 40, idleNs: 10 });
});

test("calls that are there together share what advanced, and none of it is lost in dividing", () => {
  const clock = { nowNs: 0 };
  const cpu = account(clock);
  cpu.listens();
  const first = cpu.enter(key(1)) ?? -1;
  clock.nowNs = 100;
  const second = cpu.enter(key(2)) ?? -1;
  clock.nowNs = 201;
  const firstNs = cpu.leave(first);
  clock.nowNs = 300;
  const secondNs = cpu.leave(second);
  expect([firstNs, secondNs, firstNs + secondNs]).toEqual([151, 149, 300]);
});

test("what a process uses before it listens is its start, even while calls wait for it", () => {
  const clock = { nowNs: 0 };
  const cpu = account(clock);
  const place = cpu.enter(key(1)) ?? -1;
  clock.nowNs = 500;
  cpu.listens();
  clock.nowNs = 600;
  expect([cpu.leave(place), cpu.settle().startUpNs]).toEqual([100, 500]);
});

test("when the process is gone, what was read last stands, whatever another process of its number has used", () => {
  const clock: { nowNs: number | undefined } = { nowNs: 10 };
  const cpu = account(clock);
  cpu.listens();
  const place = cpu.enter(key(1)) ?? -1;
  clock.nowNs = 500;
  cpu.gone();
  clock.nowNs = 9_999;
  expect([cpu.leave(place), cpu.callsAtEnd, cpu.enter(key(2))]).toEqual([490, 1, undefined]);
});

test("an instance that is full or closed takes nobody", () => {
  const cpu = account({ nowNs: 0 }, 2);
  const places = [cpu.enter(key(1)), cpu.enter(key(2)), cpu.enter(key(3))];
  expect(places).toEqual([0, 1, undefined]);
  cpu.leave(1);
  cpu.close(true);
  expect(cpu.enter(key(4))).toBeUndefined();
  cpu.close(false);
  expect(cpu.enter(key(4))).toBe(1);
});

test("work after an answer is counted from the answer's end, whether it is told before or after it, and once", () => {
  const clock = { nowNs: 0 };
  const cpu = account(clock);
  cpu.listens();
  const told = cpu.enter(key(1)) ?? -1;
  expect([cpu.beginAfter(key(1)), cpu.beginAfter(key(1)), cpu.isAnswering(key(1))]).toEqual([true, false, true]);
  clock.nowNs = 100;
  expect([cpu.leave(told), cpu.calls, cpu.shares]).toEqual([100, 0, 1]);
  clock.nowNs = 130;
  expect([cpu.endAfter(key(1)), cpu.endAfter(key(1)), cpu.shares]).toEqual([30, undefined, 0]);
  cpu.beginAfter(key(2));
  clock.nowNs = 150;
  expect(cpu.endAfter(key(2))).toBe(20);
});

test("waits that a tenant claims without end are heard for a bounded number, and calls still find their places", () => {
  const cpu = account({ nowNs: 0 }, 3);
  const heard = Array.from({ length: 5_000 }, (_, id) => cpu.beginAfter(key(id))).filter(Boolean);
  expect(heard).toHaveLength(AFTER_MAX);
  expect([cpu.enter(key(9_001)), cpu.enter(key(9_002)), cpu.enter(key(9_003))]).not.toContain(undefined);
});

test("attributed + start-up + idle is the clock's total, in whatever order calls and their work come and go", () => {
  const step = fc.record({
    advanceNs: fc.nat(1_000_000),
    action: fc.constantFrom("enter", "leave", "beginAfter", "endAfter", "listens", "look"),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const clock = { nowNs: 7 };
      const cpu = account(clock, 20);
      const open: { id: number; place: number }[] = [];
      let attributedNs = 0;
      let lastId = 0;
      for (const { advanceNs, action, pick } of steps) {
        clock.nowNs += advanceNs;
        const id = 1 + (pick % (lastId + 1));
        if (action === "enter") {
          const place = cpu.enter(key((lastId += 1)));
          if (place !== undefined) open.push({ id: lastId, place });
        } else if (action === "leave" && open.length > 0) {
          const [one] = open.splice(pick % open.length, 1);
          if (one) attributedNs += cpu.leave(one.place);
        } else if (action === "beginAfter") cpu.beginAfter(key(id));
        else if (action === "endAfter") attributedNs += cpu.endAfter(key(id)) ?? 0;
        else if (action === "listens") cpu.listens();
        else cpu.look();
      }
      for (const { place } of open) attributedNs += cpu.leave(place);
      // Work may have been claimed under an id before its call came: then two bits of work have it.
      for (let id = 1; id <= lastId + 1; id += 1) {
        for (let ns = cpu.endAfter(key(id)); ns !== undefined; ns = cpu.endAfter(key(id))) attributedNs += ns;
      }
      const totals = cpu.settle();
      expect(attributedNs + totals.startUpNs + totals.idleNs).toBe(totals.totalNs);
      expect([cpu.calls, cpu.shares]).toEqual([0, 0]);
    }),
    { numRuns: 3_000 },
  );
});

const ROUNDS = 20_000;
const THREADS = 3;

test("threads that enter and leave at once lose no place and no nanosecond", async () => {
  const memory = CpuAccount.memoryFor(2);
  const clock = new SharedArrayBuffer(8);
  const counter = new BigInt64Array(clock);
  new CpuAccount(memory, () => 0).listens();
  const threads = Array.from(
    { length: THREADS },
    (_, thread) =>
      new Worker(new URL("./test-account-thread.ts", import.meta.url), {
        workerData: { memory, clock, rounds: ROUNDS, thread },
      }),
  );
  const sums = await Promise.all(threads.map(async (thread) => Number((await once(thread, "message"))[0])));
  const totals = new CpuAccount(memory, () => Number(Atomics.load(counter, 0))).settle();
  expect(sums.reduce((sum, one) => sum + one, 0) + totals.startUpNs + totals.idleNs).toBe(totals.totalNs);
  expect(totals.totalNs).toBeGreaterThan(ROUNDS);
  const { calls, shares } = new CpuAccount(memory, () => undefined);
  expect([calls, shares]).toEqual([0, 0]);
});
