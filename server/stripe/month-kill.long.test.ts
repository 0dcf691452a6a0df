import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { grantCredit } from "#server/billing/credits.ts";
import { nextMonthStart } from "#server/std/clock.ts";
import { TEST_KEY } from "./double/double.ts";
import { totalOf } from "./double/invoice-answer.ts";
import { proOrganization, sealHour, testBilling, type TestBilling } from "./test-billing.ts";

const script = join(import.meta.dirname, "test-month-process.ts");
/** More requests than the end of a month takes; the test is over with the first life that makes fewer than it was to be killed at. */
const REQUESTS_MAX = 24;
const QUIET_LIVES = 3;
const HOUR_MS = 3_600_000;
const MILLION = 1_000_000n;

type End = { point: "before" | "after"; nth: number };

/** One life of what works at the month's end, ended by SIGKILL at a request to Stripe. False when it ended by itself. */
async function live({ double, database, clock }: TestBilling, end: End | null): Promise<boolean> {
  const child = spawn(process.execPath, [script, database.url, double.url, TEST_KEY, String(clock.nowMs())], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = once(child, "exit");
  let requests = 0;
  double.onRequest = (point, request) => {
    // What only asks changes nothing at Stripe, and is the state that the request before it left.
    if (!request.startsWith("POST") || point !== end?.point) return;
    requests += 1;
    if (requests === end.nth) child.kill("SIGKILL");
  };
  await exited;
  double.onRequest = undefined;
  if (child.signalCode === null) expect(child.exitCode).toBe(0);
  return child.signalCode !== null;
}

test("whatever request to Stripe the end of a month is killed at, before Stripe did it or after, each month is charged once, to the cent", async () => {
  await using billing = await testBilling({ at: "2026-11-24T10:30:00Z" });
  const { db, clock } = billing.tools;
  const organizationId = await proOrganization(billing);
  await db.user.create({ data: { id: "usr_op", name: "Op", email: "op@example.com" }, select: { id: true } });
  let killed = 0;
  let hasEnded = false;
  for (let nth = 1; nth <= REQUESTS_MAX && !hasEnded; nth += 1) {
    for (const point of ["before", "after"] as const) {
      const monthEnd = nextMonthStart(new Date(billing.clock.nowMs())).getTime();
      // Late usage of the month before, a credit and usage of its own: so there is something to put on the invoice.
      const [last, late] = [monthEnd - HOUR_MS, monthEnd - 40 * 24 * HOUR_MS];
      await billing.moveTo(new Date(monthEnd + 6 * 60_000).toISOString());
      await sealHour(
        billing,
        { organizationId, hour: new Date(last).toISOString() },
        { requests: 6n * MILLION + BigInt(nth) },
      );
      if (killed > 0)
        await sealHour(billing, { organizationId, hour: new Date(late).toISOString() }, { requests: 1n * MILLION });
      await grantCredit({ db, clock }, { organizationId, userId: "usr_op", cents: 7n, reason: "Sorry" });
      if (await live(billing, { point, nth })) killed += 1;
      else hasEnded = true;
      for (let quiet = 0; quiet < QUIET_LIVES; quiet += 1) {
        await billing.moveTo(new Date(billing.clock.nowMs() + HOUR_MS).toISOString());
        await live(billing, null);
      }
      expect(await agreement(billing), `killed ${point} request ${nth}`).toEqual({ open: 0, difference: 0n });
    }
  }
  expect(hasEnded).toBe(true);
  expect(killed).toBeGreaterThan(10);
}, 280_000);

/** Invoices that are not paid on either side, and by how much Stripe's money differs from our books'. The fee of the month to come is charged ahead. */
async function agreement({ database, double }: TestBilling): Promise<{ open: number; difference: bigint }> {
  const ours = await database.db.invoice.findMany({ select: { state: true, totalCents: true, creditCents: true } });
  const theirs = [...double.world.invoices.values()];
  const due = ours
    .filter(({ state }) => state !== "void")
    .reduce((sum, one) => sum + one.totalCents - one.creditCents, 0n);
  const charged = theirs.reduce((sum, one) => sum + totalOf(one.lines), 0n);
  const isOpen = ({ status, state }: { status?: string; state?: string }) => (status ?? state) !== "paid";
  return { open: [...ours, ...theirs].filter(isOpen).length, difference: charged - due - 500n };
}
