import fc from "fast-check";
import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Id } from "#server/std/id.ts";
import { creditLeft, grantCredit } from "./credits.ts";
import { listDebtors } from "./debtors.ts";
import { changeInvoice, stepInvoice, type InvoiceStep } from "./invoice-changes.ts";
import { closeMonths } from "./month-close.ts";
import { balance, type Account } from "./postings.ts";
import { testClock, testOrganization } from "./test-organization.ts";

const userId = "usr_ada";
const number = "SLU-2026-000001";

/** An organization with one invoice of $5.00, of which credits paid two. */
async function invoiced({ db }: TestDatabase): Promise<Id<"organization">> {
  const clock = testClock("2026-11-20T08:00:00Z");
  const organizationId = await testOrganization(db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" });
  await grantCredit({ db, clock }, { organizationId, userId, cents: 200n, reason: "A welcome." });
  clock.at = "2026-12-01T00:10:00Z";
  await closeMonths({ db, clock, mail: null });
  return organizationId;
}

const step = ({ db }: TestDatabase, to: InvoiceStep["to"]) =>
  stepInvoice({ db, clock: testClock("2026-12-02T00:00:00Z") }, { number, to, reason: "Because.", userId });

async function balances({ db }: TestDatabase, organizationId: Id<"organization">) {
  const of = async (account: Account) => balance(db, { organizationId, account });
  return {
    receivable: await of("receivable"),
    cash: await of("cash"),
    badDebt: await of("bad_debt"),
    revenue: await of("revenue"),
  };
}

test("a payment turns what is owed into cash, and the same event twice changes nothing more", async () => {
  await using database = await testDatabase();
  const id = await invoiced(database);
  expect(await balances(database, id)).toEqual({ receivable: 300n, cash: 0n, badDebt: 0n, revenue: -500n });
  const paid = { number, to: "paid", reason: "Card.", userId: null, now: new Date() } as const;
  for (let times = 0; times < 2; times += 1) await database.db.$transaction((tx) => changeInvoice(tx, paid));
  expect(await balances(database, id)).toEqual({ receivable: 0n, cash: 300n, badDebt: 0n, revenue: -500n });
  expect(await database.db.auditEntry.count({ where: { action: "invoice.paid" } })).toBe(1);
});

test("a void invoice is owed no more, and the credits that it took come back", async () => {
  await using database = await testDatabase();
  const id = await invoiced(database);
  expect(await creditLeft(database.db, id)).toBe(0n);
  await step(database, "void");
  expect(await creditLeft(database.db, id)).toBe(200n);
  expect(await balances(database, id)).toEqual({ receivable: 0n, cash: 0n, badDebt: 0n, revenue: 0n });
});

test("what is given up stands as bad debt, and can still be paid", async () => {
  await using database = await testDatabase();
  const id = await invoiced(database);
  await step(database, "uncollectible");
  expect(await balances(database, id)).toMatchObject({ receivable: 0n, badDebt: 300n });
  await step(database, "paid");
  expect(await balances(database, id)).toMatchObject({ badDebt: 0n, cash: 300n });
});

test("what is settled stays: no step leads out of paid or void", async () => {
  await using database = await testDatabase();
  await invoiced(database);
  await step(database, "paid");
  for (const to of ["open", "void", "uncollectible", "held"] as const)
    await expect(step(database, to)).rejects.toMatchObject({ code: "conflict" });
});

test("whatever steps are tried in whatever order, the books balance and credits are neither lost nor made", async () => {
  const steps = fc.array(fc.constantFrom<InvoiceStep["to"]>("open", "held", "paid", "void", "uncollectible"), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await using database = await testDatabase();
      const id = await invoiced(database);
      for (const to of steps) await step(database, to).catch(() => undefined);
      const { db } = database;
      const { _sum } = await db.posting.aggregate({ where: { organizationId: id }, _sum: { cents: true } });
      expect(_sum.cents).toBe(0n);
      const { state, creditCents } = await db.invoice.findUniqueOrThrow({
        where: { number },
        select: { state: true, creditCents: true },
      });
      expect(await creditLeft(db, id)).toBe(state === "void" ? creditCents : 0n);
      const { receivable } = await balances(database, id);
      expect(receivable).toBe(state === "open" || state === "held" ? 300n : 0n);
    }),
    { numRuns: 12 },
  );
}, 180_000);

test("an operator sees who owes most first, and finds an organization by a part of its name, signs and all", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const tools = { db, clock: testClock("2026-12-02T00:00:00Z") };
  const id = await invoiced(database);
  const other = await testOrganization(db, { plan: "free", createdAt: "2026-11-30T00:00:00Z" });
  await db.organization.update({ where: { id: other }, data: { name: "100% Ärger_GmbH" }, select: { id: true } });
  const { debtors, hasMore } = await listDebtors(tools, { search: "", page: 0 });
  expect(hasMore).toBe(false);
  expect(debtors.map((each) => [each.id, each.owed, each.creditLeft])).toEqual([
    [id, "$3.00", "$0.00"],
    [other, "$0.00", "$0.00"],
  ]);
  const found = async (search: string) =>
    (await listDebtors(tools, { search, page: 0 })).debtors.map((each) => each.id);
  expect(await found("100% ä")).toEqual([other]);
  expect(await found("r_g")).toEqual([other]);
  expect(await found("r_G%H")).toEqual([]);
});
