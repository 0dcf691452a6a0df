import fc from "fast-check";
import { expect, test } from "vitest";
import { CpuAttribution, type CpuShare } from "./cpu-attribution.ts";

function clockOf(steps: { nowNs: number }) {
  return () => steps.nowNs;
}

test("a request that is alone is charged exactly what the clock advanced", () => {
  const clock = { nowNs: 40 };
  const cpu = new CpuAttribution(clockOf(clock));
  const share = cpu.begin();
  clock.nowNs = 1040;
  cpu.end(share);
  clock.nowNs = 1050;
  expect(share.cpuNs).toBe(1000);
  expect(cpu.settle()).toEqual({ totalNs: 1050, startUpNs: 40, idleNs: 10 });
});

test("two in flight share what advanced while both were", () => {
  const clock = { nowNs: 0 };
  const cpu = new CpuAttribution(clockOf(clock));
  const first = cpu.begin();
  clock.nowNs = 100;
  const second = cpu.begin();
  clock.nowNs = 201;
  cpu.end(first);
  clock.nowNs = 300;
  cpu.end(second);
  expect([first.cpuNs, second.cpuNs]).toEqual([151, 149]);
});

test("attributed + start-up + idle is the clock's total, in whatever order requests come and go", () => {
  const step = fc.record({
    advanceNs: fc.nat(1_000_000),
    action: fc.constantFrom("begin", "end", "endAgain"),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const clock = { nowNs: 7 };
      const cpu = new CpuAttribution(clockOf(clock));
      const all: CpuShare[] = [];
      for (const { advanceNs, action, pick } of steps) {
        clock.nowNs += advanceNs;
        const picked = all[pick % Math.max(1, all.length)];
        if (action === "begin") all.push(cpu.begin());
        else if (picked) cpu.end(picked);
      }
      const totals = cpu.settle();
      const attributedNs = all.reduce((sum, share) => sum + share.cpuNs, 0);
      expect(attributedNs + totals.startUpNs + totals.idleNs).toBe(totals.totalNs);
      expect(totals.totalNs).toBe(steps.length === 0 ? 7 : clock.nowNs);
    }),
  );
});

test("when the process is gone, what was read last stands", () => {
  const readings: (number | undefined)[] = [10, 500, undefined];
  const cpu = new CpuAttribution(() => readings.shift());
  const share = cpu.begin();
  cpu.settle();
  cpu.end(share);
  expect(share.cpuNs).toBe(490);
});
