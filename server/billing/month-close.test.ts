import fc from "fast-check";
import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { HOUR_MS } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { creditLeft, grantCredit } from "./credits.ts";
import { lineColumns, lineOfRow, type InvoiceLine } from "./invoice-line.ts";
import { closeMonths } from "./month-close.ts";
import { noPayments } from "./no-payments.ts";
import { MILLION_REQUESTS } from "./price-book.ts";
import { sealHour, testClock, testOrganization, useHour } from "./test-organization.ts";

const createdAt = "2026-09-03T09:12:00Z";
const userId = "usr_ada";

function toolsOf({ db }: TestDatabase, at: string) {
  return { db, clock: testClock(at), mail: null };
}

async function invoicesOf({ db }: TestDatabase, organizationId: string) {
  const rows = await db.invoice.findMany({
    where: { organizationId },
    orderBy: { periodFrom: "asc" },
    select: {
      number: true,
      state: true,
      periodFrom: true,
      totalCents: true,
      creditCents: true,
      lines: { orderBy: { position: "asc" }, select: lineColumns },
    },
  });
  return rows.map(({ lines, periodFrom, ...row }) => ({
    ...row,
    month: periodFrom.toISOString().slice(0, 7),
    lines: lines.map(lineOfRow),
  }));
}

const shown = (line: InvoiceLine) => [line.kind, line.kind === "fee" ? line.hours : line.meter, line.cents] as const;

test("a month is a draft while any of its hours is not sealed, and its invoice afterwards", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" });
  const hour = { organizationId, hourAt: "2026-11-20T08:00:00Z", requests: 7n * MILLION_REQUESTS };
  await useHour(database.db, hour);
  const tools = toolsOf(database, "2026-11-30T23:59:59Z");
  expect(await closeMonths(tools)).toBe(0);
  expect(await invoicesOf(database, organizationId)).toEqual([]);
  tools.clock.at = "2026-12-01T00:03:00Z";
  expect(await closeMonths(tools)).toBe(0);
  expect(await invoicesOf(database, organizationId)).toMatchObject([{ state: "draft", number: null, lines: [] }]);
  tools.clock.at = "2026-12-01T00:06:00Z";
  expect(await closeMonths(tools)).toBe(0);
  await sealHour(database.db, hour);
  expect(await closeMonths(tools)).toBe(1);
  expect(await closeMonths(tools)).toBe(0);
  const [invoice, ...more] = await invoicesOf(database, organizationId);
  expect(more).toEqual([]);
  expect(invoice).toMatchObject({ state: "open", number: "SLU-2026-000001", totalCents: 560n, creditCents: 0n });
  expect(invoice?.lines.map(shown)).toEqual([
    ["fee", 720n, 500n],
    ["usage", "requests", 60n],
    ["usage", "cpu", 0n],
    ["usage", "egress", 0n],
  ]);
});

test("Pro without usage gets its fee, Free nothing, and a month on both the hours that were Pro", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const pro = await testOrganization(db, { plan: "pro", createdAt });
  const free = await testOrganization(db, { plan: "free", createdAt });
  const both = await testOrganization(db, { plan: "free", createdAt });
  const tools = toolsOf(database, "2026-11-24T08:30:00Z");
  await noPayments(tools).changePlan(both, "pro", "");
  for (const hourAt of ["2026-11-10T08:00:00Z", "2026-11-24T08:00:00Z"])
    await sealHour(db, { organizationId: both, hourAt, requests: 3n * MILLION_REQUESTS });
  await sealHour(db, { organizationId: free, hourAt: "2026-11-10T08:00:00Z", requests: MILLION_REQUESTS });
  tools.clock.at = "2026-12-01T00:10:00Z";
  await closeMonths(tools);
  expect((await invoicesOf(database, pro)).at(-1)?.lines.map(shown)[0]).toEqual(["fee", 720n, 500n]);
  expect(await invoicesOf(database, free)).toEqual([]);
  const [invoice] = await invoicesOf(database, both);
  expect(invoice).toMatchObject({ month: "2026-11", totalCents: 141n });
  expect(invoice?.lines.map(shown).slice(0, 2)).toEqual([
    ["fee", 160n, 111n],
    ["usage", "requests", 30n], // six million, of which Pro includes five
  ]);
});

test("late usage becomes a line of the next invoice, each once, and costs what it would have cost in its month", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" });
  const late = (requests: bigint, hourAt = "2026-11-20T08:00:00Z") =>
    sealHour(db, { organizationId, hourAt, requests });
  await late(5n * MILLION_REQUESTS);
  const tools = toolsOf(database, "2026-12-01T00:10:00Z");
  await closeMonths(tools);
  await late(6n * MILLION_REQUESTS);
  await late(7n * MILLION_REQUESTS);
  await late(MILLION_REQUESTS, "2026-11-30T23:00:00Z");
  for (const at of ["2027-01-01T00:10:00Z", "2027-02-01T00:10:00Z"]) {
    tools.clock.at = at;
    await closeMonths(tools);
  }
  const invoices = await invoicesOf(database, organizationId);
  expect(invoices.map(({ number, totalCents }) => [number, totalCents])).toEqual([
    ["SLU-2026-000001", 500n],
    ["SLU-2027-000001", 590n],
    ["SLU-2027-000002", 500n],
  ]);
  expect(invoices[1]?.lines.at(-1)).toMatchObject({
    kind: "late",
    meter: "requests",
    from: new Date("2026-11-01T00:00:00Z"),
    used: 3n * MILLION_REQUESTS,
    cents: 90n,
  });
});

test("what comes late after an organization has left Pro still has an invoice, and late usage that costs nothing has none", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" });
  const tools = toolsOf(database, "2026-11-20T08:00:00Z");
  await noPayments(tools).changePlan(organizationId, "free", "");
  tools.clock.at = "2026-12-01T00:10:00Z";
  await closeMonths(tools);
  const hour = { organizationId, hourAt: "2026-11-20T08:00:00Z" };
  await sealHour(db, { ...hour, requests: 5n * MILLION_REQUESTS });
  tools.clock.at = "2027-01-01T00:10:00Z";
  await closeMonths(tools);
  expect(await invoicesOf(database, organizationId)).toHaveLength(1);
  await sealHour(db, { ...hour, requests: 8n * MILLION_REQUESTS });
  tools.clock.at = "2027-02-01T00:10:00Z";
  await closeMonths(tools);
  const [, last] = await invoicesOf(database, organizationId);
  expect(last).toMatchObject({ month: "2027-01", totalCents: 90n });
  expect(last?.lines.map(shown)).toEqual([["late", "requests", 90n]]);
});

test("credits pay first, never more than is due, and what is left is carried on", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" });
  const tools = toolsOf(database, "2026-11-20T08:00:00Z");
  await grantCredit(tools, { organizationId, userId, cents: 700n, reason: "A welcome." });
  for (const at of ["2026-12-01T00:10:00Z", "2027-01-01T00:10:00Z"]) {
    tools.clock.at = at;
    await closeMonths(tools);
  }
  expect((await invoicesOf(database, organizationId)).map(({ state, creditCents }) => [state, creditCents])).toEqual([
    ["paid", 500n],
    ["open", 200n],
  ]);
  expect(await creditLeft(db, organizationId)).toBe(0n);
});

test("numbers have no gaps, however many consoles close at once and whatever fails on the way", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const ids: Id<"organization">[] = [];
  for (let made = 0; made < 12; made += 1)
    ids.push(await testOrganization(db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" }));
  const tools = toolsOf(database, "2026-12-01T00:10:00Z");
  const broken = ids[5] ?? newId("organization");
  await db.$executeRawUnsafe(
    `ALTER TABLE invoice ADD CONSTRAINT broken CHECK (number IS NULL OR organization_id <> '${broken}')`,
  );
  await Promise.allSettled([closeMonths(tools), closeMonths(tools), closeMonths(tools)]);
  expect(await db.invoice.count({ where: { state: "draft" } })).toBe(1);
  await db.$executeRaw`ALTER TABLE invoice DROP CONSTRAINT broken`;
  await Promise.all([closeMonths(tools), closeMonths(tools)]);
  const numbers = await db.invoice.findMany({ orderBy: { number: "asc" }, select: { number: true } });
  expect(numbers.map(({ number }) => number)).toEqual(
    Array.from({ length: 12 }, (_, index) => `SLU-2026-${String(index + 1).padStart(6, "0")}`),
  );
});

test("an installation that slept over months closes each of them", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  expect(await closeMonths(toolsOf(database, "2026-12-01T00:10:00Z"))).toBe(3);
  expect((await invoicesOf(database, organizationId)).map(({ month }) => month)).toEqual([
    "2026-09",
    "2026-10",
    "2026-11",
  ]);
});

test("all of a month's lines, on whatever invoice, come to one rating of all its usage; and no unit is on two", async () => {
  await using database = await testDatabase();
  const hour = fc.nat({ max: 719 });
  const amount = fc.bigInt({ min: 0n, max: 4n * MILLION_REQUESTS });
  const use = fc.record({ hour, requests: amount, isLate: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(use, { minLength: 1, maxLength: 8 }), fc.nat({ max: 719 }), async (uses, upgradeHour) => {
      const { db } = database;
      await db.$executeRaw`TRUNCATE billing_mark`;
      const organizationId = await testOrganization(db, { plan: "free", createdAt: "2026-11-01T00:00:00Z" });
      const start = Date.parse("2026-11-01T00:00:00Z");
      const tools = toolsOf(database, new Date(start + upgradeHour * HOUR_MS).toISOString());
      await noPayments(tools).changePlan(organizationId, "pro", "");
      const totals = new Map<number, bigint>();
      const seal = async (of: { hour: number; requests: bigint }) => {
        const requests = (totals.get(of.hour) ?? 0n) + of.requests;
        totals.set(of.hour, requests);
        const hourAt = new Date(start + of.hour * HOUR_MS).toISOString();
        await sealHour(db, { organizationId, hourAt, requests });
      };
      for (const each of uses.filter(({ isLate }) => !isLate)) await seal(each);
      tools.clock.at = "2026-12-01T00:10:00Z";
      await closeMonths(tools);
      for (const each of uses.filter(({ isLate }) => isLate)) await seal(each);
      tools.clock.at = "2027-01-01T00:10:00Z";
      await closeMonths(tools);
      const lines = (await invoicesOf(database, organizationId)).flatMap((invoice) => invoice.lines);
      const requests = lines.filter((line) => line.kind !== "fee" && line.meter === "requests");
      const cents = requests.reduce((sum, line) => sum + line.cents, 0n);
      const counted = requests.reduce((sum, line) => sum + (line.kind === "fee" ? 0n : line.used), 0n);
      const [onFree, onPro] = [false, true].map((isPro) =>
        [...totals].reduce((sum, [at, used]) => (at >= upgradeHour === isPro ? sum + used : sum), 0n),
      );
      const free = 5n * MILLION_REQUESTS > (onFree ?? 0n) ? 5n * MILLION_REQUESTS - (onFree ?? 0n) : 0n;
      const billable = (onPro ?? 0n) > free ? (onPro ?? 0n) - free : 0n;
      expect(counted).toBe((onFree ?? 0n) + (onPro ?? 0n));
      expect(cents).toBe((billable * 30n * 2n + MILLION_REQUESTS) / (MILLION_REQUESTS * 2n));
    }),
    { numRuns: 25 },
  );
}, 180_000);

test("the postings of every transaction add up to zero, and what an organization owes is its open invoices", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt });
  const tools = toolsOf(database, "2026-09-20T08:00:00Z");
  await grantCredit(tools, { organizationId, userId, cents: 612n, reason: "A welcome." });
  tools.clock.at = "2026-12-01T00:10:00Z";
  await closeMonths(tools);
  const sums = await db.posting.groupBy({ by: ["transactionId"], _sum: { cents: true } });
  expect(sums.length).toBe(4);
  expect(sums.every(({ _sum }) => _sum.cents === 0n)).toBe(true);
  const accounts = await db.posting.groupBy({ by: ["account"], orderBy: { account: "asc" }, _sum: { cents: true } });
  const fee = 500n + 500n + 460n; // 663 of September's 720 hours: 460.4
  expect(accounts.map(({ account, _sum }) => [account, _sum.cents])).toEqual([
    ["credit", 0n],
    ["promotion", 612n],
    ["receivable", fee - 612n],
    ["revenue", -fee],
  ]);
});

test("the database refuses postings that do not add up, and any change of what was issued", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt });
  const half = { transactionId: newId("transaction"), organizationId, account: "cash", cents: 5n, at: new Date() };
  await expect(db.posting.create({ data: half, select: { id: true } })).rejects.toThrow(/add up to zero/);
  await closeMonths(toolsOf(database, "2026-12-01T00:10:00Z"));
  await expect(db.$executeRaw`UPDATE invoice_line SET cents = 1`).rejects.toThrow(/never changed/);
  await expect(db.$executeRaw`DELETE FROM posting`).rejects.toThrow(/never changed/);
});
