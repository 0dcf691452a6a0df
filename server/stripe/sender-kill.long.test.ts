import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Id } from "#server/std/id.ts";
import { TEST_KEY } from "./double/double.ts";
import { countedBy, proOrganization, sealHour, testBilling, type TestBilling } from "./test-billing.ts";

const script = join(import.meta.dirname, "test-sender-process.ts");
const HOURS = ["11", "12", "13", "14"] as const;
type Hour = (typeof HOURS)[number];

/** Where a life of the sender ends: at the n-th request it makes, before or after Stripe did what it asks, or after so many milliseconds. */
type End = { kind: "request"; point: "before" | "after"; nth: number } | { kind: "time"; ms: number };

const end = fc.oneof(
  fc.record({
    kind: fc.constant("request" as const),
    point: fc.constantFrom("before", "after"),
    nth: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 150, max: 1_500 }) }),
);
const life = fc.record({
  used: fc.array(fc.record({ hour: fc.constantFrom(...HOURS), requests: fc.bigInt({ min: 1n, max: 1_000n }) }), {
    maxLength: 3,
  }),
  end,
});

/** One life of the sender, ended by SIGKILL, or by itself when nothing is due before that. */
async function live({ double, database, clock }: TestBilling, how: End | null): Promise<void> {
  const child = spawn(process.execPath, [script, database.url, double.url, TEST_KEY, String(clock.nowMs())], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = once(child, "exit");
  let requests = 0;
  double.onRequest = (point, request) => {
    if (!request.includes("meter_events") || how?.kind !== "request" || point !== how.point) return;
    requests += 1;
    if (requests === how.nth) child.kill("SIGKILL");
  };
  const timer = how?.kind === "time" ? setTimeout(() => child.kill("SIGKILL"), how.ms) : undefined;
  await exited;
  clearTimeout(timer);
  double.onRequest = undefined;
}

async function totals(billing: TestBilling, organizationId: Id<"organization">, used: ReadonlyMap<Hour, bigint>) {
  for (const hour of HOURS) {
    const from = `2026-11-24T${hour}:00:00Z`;
    const to = new Date(Date.parse(from) + 3_600_000).toISOString();
    expect([hour, countedBy(billing, { meter: "sluice_requests", from, to })]).toEqual([hour, used.get(hour) ?? 0n]);
  }
  const left = await billing.database.db.stripeOutbox.count({ where: { organizationId, state: "queued" } });
  expect(left).toBe(0);
}

test("a sender killed at any request, before or after Stripe did it, and at any moment in between, loses no hour and doubles none", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 2, maxLength: 4 }), async (lives) => {
      await using billing = await testBilling();
      const organizationId = await proOrganization(billing);
      await billing.moveTo("2026-11-24T15:06:00Z");
      const used = new Map<Hour, bigint>();
      for (const one of lives) {
        for (const { hour, requests } of one.used) {
          used.set(hour, (used.get(hour) ?? 0n) + requests);
          await sealHour(billing, { organizationId, hour: `2026-11-24T${hour}:00:00Z` }, { requests });
        }
        await live(billing, one.end);
        await billing.moveTo(new Date(billing.clock.nowMs() + 20 * 60_000).toISOString());
      }
      // Two revisions of an hour are two minutes apart, so a few quiet lives may be needed.
      for (let quiet = 0; quiet < 3; quiet += 1) {
        await live(billing, null);
        await billing.moveTo(new Date(billing.clock.nowMs() + 20 * 60_000).toISOString());
      }
      await totals(billing, organizationId, used);
    }),
    { numRuns: 3 },
  );
}, 280_000);
