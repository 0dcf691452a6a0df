import { expect, test } from "vitest";
import type { FaultKind } from "./double/faults.ts";
import { feedOutbox } from "./outbox.ts";
import { reconcile } from "./reconcile.ts";
import { sendRound } from "./sender.ts";
import {
  countedBy,
  drain,
  proOrganization,
  sealHour,
  testBilling,
  type TestBilling,
  type UsedHour,
} from "./test-billing.ts";
import type { Id } from "#server/std/id.ts";

const day = { from: "2026-11-24T00:00:00Z", to: "2026-11-25T00:00:00Z" };
const requests = { meter: "sluice_requests", ...day };
const eleven = "2026-11-24T11:00:00Z";

const sentEvents = ({ double }: TestBilling) =>
  double.served.filter(({ path, method }) => method === "POST" && path.endsWith("meter_events"));

const rows = ({ database }: TestBilling) =>
  database.db.stripeOutbox.findMany({
    orderBy: { position: "asc" },
    select: { meter: true, revision: true, value: true, state: true, attempts: true },
  });

const everything = { requests: 1n, cpuNs: 10n ** 9n, egressBytes: 10n ** 6n };

/** An organization that used something in one hour, which is over and sealed. */
async function used(billing: TestBilling, value = 7n) {
  const [organizationId] = await manyUsed(billing, 1, { requests: value });
  if (organizationId === undefined) throw new Error("no organization");
  return organizationId;
}

async function manyUsed(billing: TestBilling, count: number, usage: UsedHour = everything) {
  const ids: Id<"organization">[] = [];
  for (let index = 0; index < count; index += 1) ids.push(await proOrganization(billing));
  await billing.moveTo("2026-11-24T12:06:00Z");
  for (const organizationId of ids) await sealHour(billing, { organizationId, hour: eleven }, usage);
  return ids;
}

test("an hour's total is told once per meter that was used, under an identifier made of what is told", async () => {
  await using billing = await testBilling();
  const id = await used(billing);
  await sealHour(
    billing,
    { organizationId: id, hour: "2026-11-24T10:00:00Z" },
    { cpuNs: 36_000n * 5n + 1n, egressBytes: 2_999n },
  );
  await drain(billing);
  expect(
    sentEvents(billing)
      .map(({ form }) => JSON.stringify(form["identifier"]))
      .toSorted((a, b) => a.localeCompare(b)),
  ).toEqual([`"u1:${id}:cpu:2026112410:1"`, `"u1:${id}:egress:2026112410:1"`, `"u1:${id}:requests:2026112411:1"`]);
  expect(countedBy(billing, requests)).toBe(7n);
  expect(countedBy(billing, { ...requests, meter: "sluice_cpu" })).toBe(5n);
  expect(countedBy(billing, { ...requests, meter: "sluice_egress" })).toBe(2n);
  await drain(billing);
  expect(sentEvents(billing)).toHaveLength(3);
});

test("a late fact makes a new revision with the hour's whole total, two minutes after the last at the earliest", async () => {
  await using billing = await testBilling();
  const organizationId = await used(billing);
  await drain(billing);
  await sealHour(billing, { organizationId, hour: eleven }, { requests: 3n });
  await drain(billing);
  expect(countedBy(billing, requests)).toBe(7n);
  await billing.moveTo("2026-11-24T12:08:01Z");
  await drain(billing);
  expect(countedBy(billing, requests)).toBe(10n);
  expect((await rows(billing)).map(({ revision, value }) => [revision, value])).toEqual([
    [1, 7n],
    [2, 10n],
  ]);
});

test("a total that was not sent gives way to the newer one; one that may have been sent does not", async () => {
  await using billing = await testBilling();
  const organizationId = await used(billing);
  await feedOutbox(billing.tools);
  await sealHour(billing, { organizationId, hour: eleven }, { requests: 1n });
  await feedOutbox(billing.tools);
  billing.double.faults.add({ kind: "drop-before", match: "meter_events" });
  await sendRound(billing.tools);
  await sealHour(billing, { organizationId, hour: eleven }, { requests: 1n });
  await feedOutbox(billing.tools);
  expect((await rows(billing)).map(({ state, attempts }) => [state, attempts])).toEqual([
    ["superseded", 0],
    ["queued", 1],
    ["queued", 0],
  ]);
});

test.each<[FaultKind, boolean]>([
  ["drop-before", false],
  ["drop-after", true],
  ["hang-before", false],
  ["hang-after", true],
  ["truncate", true],
  ["500-before", false],
  ["500-after", true],
  ["429", false],
  ["409", false],
])("after %s it is sent again later and counted once", async (kind, isCounted) => {
  await using billing = await testBilling({ timeoutMs: 1_000 });
  await used(billing);
  billing.double.faults.add({
    kind,
    match: "meter_events",
    times: kind.startsWith("drop") ? 2 : 1,
  });
  await drain(billing);
  expect(countedBy(billing, requests)).toBe(isCounted ? 7n : 0n);
  expect((await rows(billing))[0]?.state).toBe("queued");
  await drain(billing);
  expect((await rows(billing))[0]).toMatchObject({ state: "queued", attempts: 1 });
  await billing.moveTo("2026-11-24T12:07:00Z");
  await drain(billing);
  expect(countedBy(billing, requests)).toBe(7n);
  expect((await rows(billing))[0]).toMatchObject({ state: "delivered", revision: 1 });
});

test("the header's key changes after a 500, which Stripe would repeat, and the identifier stays", async () => {
  await using billing = await testBilling();
  await used(billing);
  billing.double.faults.add({ kind: "500-after", match: "meter_events", times: 1 });
  await drain(billing);
  await billing.moveTo("2026-11-24T12:07:00Z");
  await drain(billing);
  const [first, second] = sentEvents(billing);
  expect(second?.form["identifier"]).toBe(first?.form["identifier"]);
  expect([first?.key.at(-1), second?.key.at(-1)]).toEqual(["1", "2"]);
  expect(second?.status).toBe(400);
});

test.each<FaultKind>(["401", "403"])(
  "after %s nothing more is sent in this round, and the operator is told; a good answer takes it back",
  async (kind) => {
    await using billing = await testBilling();
    const organizationId = await used(billing);
    await sealHour(billing, { organizationId, hour: eleven }, { cpuNs: 10n ** 9n, egressBytes: 10n ** 6n });
    await feedOutbox(billing.tools);
    billing.double.faults.add({ kind, match: "meter_events", times: 1 });
    const round = await sendRound(billing.tools, { parallelMax: 1 });
    expect(round).toMatchObject({ sent: 1, stoppedBecause: expect.any(String) });
    const notices = () => billing.database.db.stripeNotice.findMany({ select: { key: true, message: true } });
    expect(await notices()).toEqual([{ key: "sender", message: expect.stringContaining("Nothing is lost") }]);
    await billing.moveTo("2026-11-24T12:07:00Z");
    await drain(billing);
    expect(await notices()).toEqual([]);
    expect(countedBy(billing, requests)).toBe(7n);
  },
);

test("a meter that is not there stops the sender as a whole", async () => {
  await using billing = await testBilling();
  await used(billing);
  for (const meter of billing.double.world.meters.values()) meter.isActive = false;
  await feedOutbox(billing.tools);
  expect((await sendRound(billing.tools))?.stoppedBecause).toContain("No active meter");
});

test("an organization whose customer is gone is parked, and the others go on", async () => {
  await using billing = await testBilling();
  const [gone] = await manyUsed(billing, 2, { requests: 5n });
  const [customer] = [...billing.double.world.customers.values()];
  if (customer) customer.isDeleted = true;
  await drain(billing);
  const parked = await billing.database.db.stripeCustomer.findMany({
    where: { parkedBecause: { not: null } },
    select: { organizationId: true },
  });
  expect(parked).toEqual([{ organizationId: gone }]);
  expect(billing.double.world.meterEvents.map(({ value }) => value)).toEqual([5n]);
});

test("when Stripe is away the round ends early: no storm of tries", async () => {
  await using billing = await testBilling();
  await manyUsed(billing, 5);
  await feedOutbox(billing.tools);
  billing.double.faults.isDown = true;
  const round = await sendRound(billing.tools, { parallelMax: 2, rateMax: 1_000 });
  expect(round?.isAway).toBe(true);
  expect(round?.sent).toBeLessThanOrEqual(4);
});

test("no more than twenty requests a second begin, which Stripe's limit lets pass", async () => {
  await using billing = await testBilling();
  await manyUsed(billing, 14);
  await feedOutbox(billing.tools);
  const began = performance.now();
  const round = await sendRound(billing.tools);
  const seconds = (performance.now() - began) / 1_000;
  expect(round?.sent).toBe(42);
  // The first begins at once, so that n of them take n - 1 gaps.
  expect(((round?.sent ?? 0) - 1) / seconds).toBeLessThanOrEqual(20);
});

test("two senders at once: one sends, the other leaves it alone", async () => {
  await using billing = await testBilling();
  await used(billing);
  await feedOutbox(billing.tools);
  const rounds = await Promise.all([sendRound(billing.tools), sendRound(billing.tools), sendRound(billing.tools)]);
  expect(rounds.reduce((sum, round) => sum + (round?.sent ?? 0), 0)).toBe(1);
  expect(sentEvents(billing)).toHaveLength(1);
});

test("an event that Stripe took and then dropped is found by its own sums, and told again", async () => {
  await using billing = await testBilling();
  await used(billing);
  billing.double.faults.add({ kind: "swallow", match: "meter_events", times: 1 });
  await drain(billing);
  expect(await reconcile(billing.tools)).toEqual([]);
  await billing.moveTo("2026-11-24T12:20:00Z");
  expect(await reconcile(billing.tools)).toMatchObject([{ meter: "requests", ledger: 7n, stripe: 0n }]);
  await drain(billing);
  expect(countedBy(billing, requests)).toBe(7n);
  await billing.moveTo("2026-11-24T12:40:00Z");
  expect(await reconcile(billing.tools)).toEqual([]);
});

test("hours outside of a subscription are told to nobody, and its first carries what the month used before it", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-24T12:06:00Z");
  await sealHour(billing, { organizationId, hour: "2026-11-20T00:00:00Z" }, { requests: 900_000n });
  await sealHour(billing, { organizationId, hour: "2026-10-31T23:00:00Z" }, { requests: 5n });
  await sealHour(billing, { organizationId, hour: eleven }, { requests: 7n });
  await drain(billing);
  const counted = (from: string, to: string) => countedBy(billing, { meter: "sluice_requests", from, to });
  expect(counted("2026-10-01T00:00:00Z", "2026-11-24T10:00:00Z")).toBe(0n);
  expect(counted("2026-11-24T10:00:00Z", eleven)).toBe(900_000n);
  expect(counted(eleven, day.to)).toBe(7n);
});
