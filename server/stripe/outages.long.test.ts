import { expect, test } from "vitest";
import type { Id } from "#server/std/id.ts";
import { totalOf } from "./double/invoice-answer.ts";
import { countedBy, liveUntil, proOrganization, sealHour, testBilling, type TestBilling } from "./test-billing.ts";

const million = 1_000_000n;
const DAY_MS = 86_400_000;

/** Our books' sum for months that are over, and Stripe's for all its invoices. */
async function sums({ database, double }: TestBilling) {
  const rows = await database.db.invoice.findMany({
    where: { number: { not: null }, state: { not: "void" } },
    select: { totalCents: true, creditCents: true },
  });
  const our = rows.reduce((sum, one) => sum + one.totalCents - one.creditCents, 0n);
  const their = [...double.world.invoices.values()].reduce((sum, one) => sum + totalOf(one.lines), 0n);
  return { our, their };
}

/** Uses two million requests every two days, and seals the hour when it is over. */
async function useUntil(
  billing: TestBilling,
  organizationId: Id<"organization">,
  until: string,
): Promise<Map<string, bigint>> {
  const used = new Map<string, bigint>();
  for (let atMs = billing.double.world.nowMs; atMs < Date.parse(until);) {
    const hour = new Date(atMs - (atMs % 3_600_000)).toISOString();
    atMs = Math.min(atMs + 2 * DAY_MS, Date.parse(until));
    await billing.moveTo(new Date(Date.parse(hour) + 3_600_000 + 360_000).toISOString());
    await sealHour(billing, { organizationId, hour }, { requests: 2n * million });
    used.set(hour, 2n * million);
    await liveUntil(billing, new Date(atMs).toISOString(), 24);
  }
  return used;
}

test.each([
  ["26 hours", 26 / 24],
  ["10 days", 10],
  ["34 days", 34],
  ["36 days", 36],
])(
  "Stripe away for %s: no hour is lost or doubled, and all the money of all months is charged once",
  async (_, days) => {
    await using billing = await testBilling({ at: "2026-11-10T10:30:00Z" });
    const organizationId = await proOrganization(billing);
    const before = await useUntil(billing, organizationId, "2026-11-20T00:00:00Z");
    billing.double.faults.isDown = true;
    const back = new Date(Date.parse("2026-11-20T00:00:00Z") + days * DAY_MS).toISOString();
    const during = await useUntil(billing, organizationId, back);
    billing.double.faults.isDown = false;
    const backlog = await billing.database.db.stripeOutbox.count({ where: { state: "queued" } });
    expect(backlog).toBeGreaterThan(0);
    await liveUntil(billing, "2027-02-02T00:00:00Z", 24);
    expect(await billing.database.db.stripeOutbox.count({ where: { state: "queued" } })).toBe(0);
    // Hours that Stripe still took are there, each with its own total.
    for (const [hour, value] of [...before, ...during]) {
      const at = { meter: "sluice_requests", from: hour, to: new Date(Date.parse(hour) + 3_600_000).toISOString() };
      const isTooOld =
        Date.parse(back) - Date.parse(hour) > 35 * DAY_MS && Date.parse(hour) >= Date.parse("2026-11-20T00:00:00Z");
      expect([hour, countedBy(billing, at)]).toEqual([hour, isTooOld ? 0n : value]);
    }
    const { our, their } = await sums(billing);
    // The fee of February is charged ahead.
    expect(their).toBe(our + 500n);
    expect(await billing.database.db.stripeInvoice.count({ where: { heldBecause: { not: null } } })).toBe(0);
  },
  280_000,
);

test.each([-300_000, 300_000, -90_000])(
  "with our clock %i ms ahead of Stripe's every hour is told and the month is closed",
  async (skewMs) => {
    await using billing = await testBilling({ at: "2026-11-26T10:30:00Z" });
    const organizationId = await proOrganization(billing);
    billing.skewMs = skewMs;
    await useUntil(billing, organizationId, "2026-12-03T00:00:00Z");
    const { our } = await sums(billing);
    expect(our).toBeGreaterThan(0n);
    await liveUntil(billing, "2027-01-02T00:00:00Z", 24);
    const { our: all, their } = await sums(billing);
    expect(their).toBe(all + 500n);
  },
  280_000,
);
