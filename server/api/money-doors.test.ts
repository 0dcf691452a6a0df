import { TRPCError } from "@trpc/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signUp } from "#server/accounts/sign-up.ts";
import { closeMonths } from "#server/billing/month-close.ts";
import { firstVersion } from "#server/billing/price-book.ts";
import { textOfPlans } from "#server/billing/price-versions.ts";
import { sealHour, testClock } from "#server/billing/test-organization.ts";
import { checkExport } from "#server/billing/verify/check-export.ts";
import { Role } from "#server/db/generated/enums.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { recordUsage } from "#server/metering/ledger.ts";
import { sealHours } from "#server/metering/seals.ts";
import { usageFact } from "#server/metering/test-usage.ts";
import type { Id } from "#server/std/id.ts";
import { downloadInvoice, type InvoiceFile } from "./downloads.ts";
import { createCaller } from "./root.ts";
import { testContext } from "./test-context.ts";

const number = "SLU-2026-000001";
const acme = { organizationSlug: "acme" };
const clock = testClock("2026-11-24T10:00:00Z");

let database: TestDatabase;
let organizationId: Id<"organization">;
let operator: Id<"user">;
let stranger: Id<"user">;
const people = new Map<Role, Id<"user">>();

const contextOf = (userId: Id<"user"> | null) => testContext({ db: database.db, userId, clock });
const callerOf = (userId: Id<"user"> | null) => createCaller(contextOf(userId));

async function register(email: string, organization: string): Promise<Id<"user">> {
  const account = { name: "Someone", email, password: "correct horse battery", organization, clientAddress: email };
  return (await signUp({ db: database.db, clock }, account)).userId;
}

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  operator = await register("operator@example.com", "The house");
  const owner = await register("owner@example.com", "Acme");
  stranger = await register("eve@example.com", "Evil");
  people.set("owner", owner);
  const { id } = await db.organization.findUniqueOrThrow({ where: { slug: "acme" }, select: { id: true } });
  organizationId = id as Id<"organization">;
  for (const role of ["admin", "developer", "billing", "viewer"] as const) {
    const userId = await register(`${role}@example.com`, `Own of ${role}`);
    await db.member.create({ data: { organizationId, userId, role }, select: { userId: true } });
    people.set(role, userId);
  }
  await db.organization.update({
    where: { id },
    data: { createdAt: new Date("2026-11-01T00:00:00Z") },
    select: { id: true },
  });
  clock.at = "2026-11-01T00:00:00Z";
  await callerOf(owner).billing.choosePlan({ ...acme, plan: "pro" });
  await recordUsage(db, [
    usageFact({ organizationId, occurredAtMs: Date.parse("2026-11-20T08:30:00Z"), path: "/secret" }),
  ]);
  clock.at = "2026-12-01T00:10:00Z";
  await sealHours({ db, clock });
  await closeMonths({ db, clock, mail: null });
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (thrown: unknown) => (thrown instanceof TRPCError ? thrown.code : String(thrown)),
  );

type Caller = ReturnType<typeof callerOf>;

const reading: ((api: Caller) => Promise<unknown>)[] = [
  (api) => api.billing.overview(acme),
  (api) => api.billing.month(acme),
  (api) => api.billing.alerts(acme),
  (api) => api.billing.standingAlert(acme),
  (api) => api.invoice.list(acme),
  (api) => api.invoice.get({ ...acme, number }),
  (api) => api.invoice.line({ ...acme, number, position: 2 }),
  (api) => api.invoice.hour({ ...acme, number, hourAt: new Date("2026-11-20T08:00:00Z"), afterKey: null }),
];

const changing: ((api: Caller) => Promise<unknown>)[] = [
  (api) => api.billing.choosePlan({ ...acme, plan: "pro" }),
  (api) => api.billing.setCap({ ...acme, capCents: 5_000n }),
  (api) => api.billing.setAlerts({ ...acme, alertShares: [80] }),
  (api) => api.billing.dismissAlerts(acme),
];

test("owner, admin and billing read and change what is owed; developer and viewer do neither; strangers learn nothing", async () => {
  for (const role of Object.values(Role)) {
    const expected = role === "developer" || role === "viewer" ? "FORBIDDEN" : "ok";
    const api = callerOf(people.get(role) ?? null);
    for (const door of [...reading, ...changing])
      expect(await codeOf(door(api)), `${role}: ${String(door)}`).toBe(expected);
  }
  for (const door of [...reading, ...changing]) {
    expect(await codeOf(door(callerOf(stranger)))).toBe("NOT_FOUND");
    expect(await codeOf(door(callerOf(null)))).toBe("UNAUTHORIZED");
  }
});

test("developers and viewers see usage and what it is worth, and not what is owed", async () => {
  const costs = async (role: Role) => {
    const { cost, worth, lines } = await callerOf(people.get(role) ?? null).usage.month(acme);
    return { cost, lineCost: lines[0]?.cost, worth };
  };
  expect(await costs("viewer")).toEqual({ cost: null, lineCost: null, worth: "$0.00" });
  expect(await costs("billing")).toMatchObject({ cost: "$0.00", lineCost: "$0.00" });
  const { forecast } = await callerOf(people.get("developer") ?? null).usage.outlook(acme);
  expect(forecast.kind === "forecast" ? forecast.usageCost : null).toBeNull();
});

test("the role billing sees what a request cost and not its path", async () => {
  const pathFor = async (role: Role) => {
    const hour = { ...acme, number, hourAt: new Date("2026-11-20T08:00:00Z"), afterKey: null };
    return (await callerOf(people.get(role) ?? null).invoice.hour(hour)).facts.map(({ path }) => path);
  };
  expect(await pathFor("owner")).toEqual(["/secret"]);
  expect(await pathFor("billing")).toEqual([null]);
});

test("a cap below zero, beyond what is sane, or that is no amount is refused before anything is touched", async () => {
  const api = callerOf(people.get("owner") ?? null);
  expect(await codeOf(api.billing.setCap({ ...acme, capCents: -1n }))).toBe("BAD_REQUEST");
  expect(await codeOf(api.billing.setCap({ ...acme, capCents: 10n ** 12n }))).toBe("BAD_REQUEST");
  expect(await codeOf(api.billing.setAlerts({ ...acme, alertShares: [0] }))).toBe("BAD_REQUEST");
  expect(await codeOf(api.billing.setAlerts({ ...acme, alertShares: [101] }))).toBe("BAD_REQUEST");
});

test("each file of an invoice comes to those who may read the bill, and to nobody else", async () => {
  const files: InvoiceFile[] = ["invoice.pdf", "usage.csv", "export.jsonl"];
  const get = (userId: Id<"user"> | null, file: InvoiceFile, of = number) =>
    downloadInvoice(contextOf(userId), { ...acme, number: of, file });
  for (const file of files) {
    expect((await get(null, file)).status).toBe(401);
    expect((await get(stranger, file)).status).toBe(404);
    expect((await get(people.get("viewer") ?? null, file)).status).toBe(403);
    expect((await get(people.get("owner") ?? null, file, "SLU-2026-000002")).status).toBe(404);
  }
  const owner = people.get("billing") ?? null;
  const pdf = await get(owner, "invoice.pdf");
  expect(pdf.headers.get("content-disposition")).toBe(`attachment; filename="${number}-invoice.pdf"`);
  expect((await pdf.bytes()).subarray(0, 5)).toEqual(new TextEncoder().encode("%PDF-"));
  expect(await (await get(owner, "usage.csv")).text()).toBe(
    "hour_utc,seal_revision,requests,cpu_ns,egress_bytes\r\n2026-11-20T08:00:00.000Z,1,1,5000,12\r\n",
  );
  const text = await (await get(owner, "export.jsonl")).text();
  const verdict = await checkExport(
    (async function* () {
      yield* text.split("\n").slice(0, -1);
    })(),
  );
  expect(verdict).toMatchObject({ number, totalCents: 500n, facts: 1n });
});

test("an export that late usage would make wrong is refused with a reason instead of being begun", async () => {
  await recordUsage(database.db, [usageFact({ organizationId, occurredAtMs: Date.parse("2026-11-20T08:40:00Z") })]);
  const answer = await downloadInvoice(contextOf(people.get("owner") ?? null), {
    ...acme,
    number,
    file: "export.jsonl",
  });
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain("not under a seal yet");
});

test("operators' doors are there for operators only, and need no membership", async () => {
  const doors: ((api: Caller) => Promise<unknown>)[] = [
    (api) => api.operator.organizations({}),
    (api) => api.operator.organization(acme),
    (api) => api.operator.prices(),
    (api) => api.operator.audit({ before: null }),
    (api) => api.operator.pause({ ...acme, reason: "Asked for." }),
    (api) => api.operator.release(acme),
    (api) => api.operator.grantCredit({ ...acme, cents: 100n, reason: "A welcome." }),
    (api) =>
      api.operator.addPrices({ effectiveAt: new Date("2027-01-01T00:00:00Z"), plans: textOfPlans(firstVersion.plans) }),
    (api) => api.operator.changeInvoice({ number, to: "paid", reason: "By wire." }),
  ];
  for (const door of doors) {
    expect(await codeOf(door(callerOf(people.get("owner") ?? null)))).toBe("NOT_FOUND");
    expect(await codeOf(door(callerOf(null)))).toBe("UNAUTHORIZED");
    expect(await codeOf(door(callerOf(operator))), String(door)).toBe("ok");
  }
  const { rows } = await callerOf(operator).operator.audit({ before: null });
  expect(rows.slice(0, 5).map(({ action, by }) => [action, by])).toEqual([
    ["invoice.paid", "operator@example.com"],
    ["price_version.added", "operator@example.com"],
    ["credit.granted", "operator@example.com"],
    ["organization.released", "operator@example.com"],
    ["organization.paused", "operator@example.com"],
  ]);
});

test("pages of data stay readable while an organization is stopped", async () => {
  await callerOf(operator).operator.pause({ ...acme, reason: "Being looked at." });
  const api = callerOf(people.get("owner") ?? null);
  for (const door of reading) expect(await codeOf(door(api))).toBe("ok");
  expect((await api.billing.month(acme)).stoppedBecause).toBe("Being looked at.");
  expect(await codeOf(api.function.list(acme))).toBe("ok");
  expect(await codeOf(api.usage.month(acme))).toBe("ok");
});

test("an hour that another organization used is not on this one's invoice", async () => {
  await sealHour(database.db, { organizationId: "org_other", hourAt: "2026-11-21T08:00:00Z", requests: 5n });
  const api = callerOf(people.get("owner") ?? null);
  const hour = { ...acme, number, hourAt: new Date("2026-11-21T08:00:00Z"), afterKey: null };
  expect(await codeOf(api.invoice.hour(hour))).toBe("NOT_FOUND");
});
