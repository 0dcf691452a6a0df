import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import { Fault } from "#server/std/fault.ts";
import { newId } from "#server/std/id.ts";
import { decimalCents, parseCents } from "#server/std/money.ts";
import { firstVersion, versionAt } from "./price-book.ts";
import { addPriceVersion, loadPriceBook, plansText, textOfPlans } from "./price-versions.ts";

const clock = { nowMs: () => Date.parse("2026-11-24T10:30:00Z"), monotonicUs: () => 0 };
const operator = newId("user");

const fault = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (thrown: unknown) => (thrown instanceof Fault ? thrown.code : thrown),
  );

test("an installation begins with the first version, whoever asks first, and asking again adds none", async () => {
  await using database = await testDatabase();
  await Promise.all([loadPriceBook(database.db), loadPriceBook(database.db), loadPriceBook(database.db)]);
  expect(await loadPriceBook(database.db)).toEqual([firstVersion]);
});

test("a version is in force from its hour on, and the one before it until then", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock };
  const { free, pro } = firstVersion.plans;
  const plans = { free, pro: { ...pro, monthlyFee: parseCents("700") } };
  const effectiveAt = new Date("2026-11-24T11:00:00Z");
  expect(await addPriceVersion(tools, { userId: operator, effectiveAt, plans })).toEqual({ version: 2 });
  const book = await loadPriceBook(database.db);
  expect(versionAt(book, new Date("2026-11-24T10:59:59.999Z")).version).toBe(1);
  expect(versionAt(book, effectiveAt)).toEqual({ version: 2, effectiveAt, currency: "usd", plans });
  const entry = await database.db.auditEntry.findFirst({
    select: { organizationId: true, userId: true, action: true },
  });
  expect(entry).toEqual({ organizationId: null, userId: operator, action: "price_version.added" });
});

test("no version begins in an hour that has begun, off the hour, or before another", async () => {
  await using database = await testDatabase();
  const add = (at: string) =>
    fault(
      addPriceVersion(
        { db: database.db, clock },
        { userId: operator, effectiveAt: new Date(at), plans: firstVersion.plans },
      ),
    );
  expect(await add("2026-11-24T10:00:00Z")).toBe("invalid");
  expect(await add("2026-11-24T11:30:00Z")).toBe("invalid");
  expect(await add("2026-12-01T00:00:00Z")).toBeUndefined();
  expect(await add("2026-11-25T00:00:00Z")).toBe("conflict");
  expect((await loadPriceBook(database.db)).map(({ version }) => version)).toEqual([1, 2]);
});

test("the database itself refuses to change or delete a published version, and one off the hour", async () => {
  await using database = await testDatabase();
  const { db } = database;
  await loadPriceBook(db);
  await expect(db.$executeRaw`UPDATE price_version SET plans = '{}'`).rejects.toThrow(/never changed/);
  await expect(db.$executeRaw`DELETE FROM price_version`).rejects.toThrow(/never changed/);
  const half = { version: 2, effectiveAt: new Date("2026-12-01T00:30:00Z"), plans: {} };
  await expect(db.priceVersion.create({ data: half, select: { version: true } })).rejects.toThrow(/on_the_hour/);
});

test("prices are decimal strings of at most 12 places, and come back as they were written", () => {
  expect(plansText.parse(textOfPlans(firstVersion.plans))).toEqual(firstVersion.plans);
  for (const text of ["0", "30", "1.5", "0.000000000001", "0.00000222222"])
    expect(decimalCents(parseCents(text))).toBe(text);
  const { free, pro } = textOfPlans(firstVersion.plans);
  const priced = (price: string) => {
    const requests = { ...pro.meters.requests, price };
    return plansText.safeParse({ free, pro: { ...pro, meters: { ...pro.meters, requests } } }).success;
  };
  expect(["30", "0.3", "0.000000000001"].map(priced)).toEqual([true, true, true]);
  expect(["-1", "1e3", "0.0000000000001", "", "Infinity", "30 "].map(priced)).toEqual(
    Array.from({ length: 6 }, () => false),
  );
});

test("a book in which Free bills or Pro stops is refused", () => {
  const { free, pro } = textOfPlans(firstVersion.plans);
  expect(plansText.safeParse({ free: { ...free, monthlyFee: "1" }, pro }).success).toBe(false);
  expect(plansText.safeParse({ free: { ...free, overage: "billed" }, pro }).success).toBe(false);
  expect(plansText.safeParse({ free, pro: { ...pro, overage: "stops" } }).success).toBe(false);
});
