import { afterAll, beforeAll, expect, test } from "vitest";
import { budgetState } from "#server/metering/budget.ts";
import { recordUsage } from "#server/metering/ledger.ts";
import { callFunction, eventually, testRuntime, type TestRuntime } from "#server/runtime/test-runtime.ts";
import { systemClock as clock } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { currentBill } from "./bill.ts";
import { sweepDrills } from "./drill-remains.ts";
import { verdictOf } from "./drill-report.ts";
import { drillState, type DrillReport, type DrillState } from "./drill-state.ts";
import { latestDrill } from "./drill-view.ts";
import { startDrill, type DrillTools } from "./flood-drill.ts";
import { monthReport } from "./month-report.ts";
import { refreshBudget } from "./budget.ts";

const hello = `export default { fetch: () => new Response("hello") };`;
/** A drill may take 40 s, on a machine that does nothing else. */
const timeout = 150_000;

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = await testRuntime();
});
afterAll(() => runtime[Symbol.asyncDispose]());

function tools(): DrillTools {
  return {
    db: runtime.database.db,
    clock,
    log: createLog("test", "silent"),
    readiness: { changed: async () => undefined },
    gateway: {
      port: runtime.gatewayPort,
      hostOf: ({ functionName, organizationSlug }) => `${functionName}--${organizationSlug}.localhost`,
    },
  };
}

type Tenant = { organizationId: Id<"organization">; host: string };

/** A tenant whose budget is what billing sets, and one of whose functions has been called already. */
async function tenant(slug: string, bundle: string, limits = {}): Promise<Tenant> {
  const deployed = await runtime.deploy("hello", bundle, limits, slug);
  const organizationId = asId("organization", deployed.organizationId);
  await runtime.database.db.$transaction((tx) => refreshBudget(tx, { organizationId, now: new Date() }));
  return { organizationId, host: deployed.host };
}

const start = ({ organizationId }: Tenant, calls = 400) =>
  startDrill(tools(), {
    organizationId,
    userId: newId("user"),
    functionName: "hello",
    terms: { capCents: 5n, calls },
  });

async function reportOf({ organizationId }: Tenant): Promise<{ terms: DrillState["terms"]; report: DrillReport }> {
  const row = await runtime.database.db.floodDrill.findFirstOrThrow({
    where: { organizationId },
    select: { state: true },
  });
  const { terms, stage } = drillState.parse(row.state);
  if (stage.kind !== "done") throw new Error(`the drill is ${JSON.stringify(stage)}`);
  return { terms, report: stage.report };
}

/** All that a tenant could be charged by, or see. */
async function money({ organizationId }: Tenant): Promise<unknown> {
  const { db } = runtime.database;
  const { used, budget, verdict, refused } = await budgetState(db, organizationId);
  return {
    bill: await currentBill({ db, clock }, organizationId),
    usage: await monthReport({ db, clock }, { organizationId, mayReadCosts: true }),
    budget: { used, budget, verdict, refused },
    calls: await db.usageEvent.count({ where: { organizationId, kind: "request" } }),
  };
}

/** What is left anywhere of organizations that are no tenants. */
async function strangers(): Promise<Record<string, number>> {
  const { db } = runtime.database;
  const tenants = (await db.organization.findMany({ where: { drillOf: null }, select: { id: true } })).map(
    ({ id }) => id,
  );
  const where = { organizationId: { notIn: tenants } };
  return {
    organizations: await db.organization.count({ where: { id: { notIn: tenants } } }),
    functions: await db.function.count({ where }),
    budgets: await db.allowance.count({ where }),
    leases: await db.allowanceLease.count({ where }),
    facts: await db.usageEvent.count({ where }),
    hours: await db.usageHour.count({ where }),
    minutes: await db.usageMinute.count({ where }),
    lines: await db.logLine.count({ where }),
  };
}

const nobody = { organizations: 0, functions: 0, budgets: 0, leases: 0, facts: 0, hours: 0, minutes: 0, lines: 0 };

/** What instances say at their very end may come after a drill, and is for the sweep. */
async function strangersSwept(): Promise<Record<string, number>> {
  await sweepDrills({ db: runtime.database.db, clock });
  return strangers();
}

/** The price list again, written by hand: a cap of five cents for the requests that it pays, 8 cents a CPU-hour, 4 a GB. */
function priceOf({ requestsPaid }: DrillState["terms"], used: DrillReport["used"]): number {
  const requests = (Number(used.requests) * 5) / Number(requestsPaid);
  return requests + (Number(used.cpuNs) * 8) / 3.6e12 + (Number(used.egressBytes) * 4) / 1e9;
}

test(
  "what is spent is what was answered at the drill's price, spent and reserved never pass the cap, and the tenant's usage, budget and bill are as before",
  { timeout },
  async () => {
    const acme = await tenant("acme", hello);
    expect((await callFunction(runtime, acme.host)).status).toBe(200);
    await eventually(
      async () => (await budgetState(runtime.database.db, acme.organizationId)).used.requests,
      (requests) => requests === 1n,
    );
    const before = await money(acme);
    const drill = await start(acme);
    const during = await eventually(strangers, ({ facts = 0 }) => facts > 0);
    await drill.ended;
    const { terms, report } = await reportOf(acme);

    expect(terms.requestsPaid).toBe(100n);
    expect(report.counts.made).toBe(400);
    expect(report.counts.answered + report.counts.refused).toBe(400);
    expect(report.used.requests).toBe(BigInt(report.counts.answered));
    expect(Number(report.spent) / 1e12).toBeCloseTo(priceOf(terms, report.used), 5);
    expect(report.counts.answered).toBeGreaterThan(80);
    expect(report.counts.answered).toBeLessThanOrEqual(100);
    expect(report.highest).toBeGreaterThanOrEqual(report.spent);
    expect(report.highest).toBeLessThanOrEqual(5_000_000_000_000n);
    expect(report.passedBy).toBe(0n);
    expect(report.looks).toBeGreaterThan(10);
    expect(verdictOf(terms, report).kind).toBe("held");

    expect(during).toMatchObject({ organizations: 1, functions: 1, budgets: 1 });
    expect(await strangersSwept()).toEqual(nobody);
    expect(await money(acme)).toEqual(before);
    expect((await callFunction(runtime, acme.host)).text).toBe("hello");
  },
);

test(
  "a function that computes and answers much is charged for it in the drill, and the cap holds as well",
  { timeout },
  async () => {
    const busy = await tenant(
      "busy",
      `export default { fetch() { let sum = 0; for (let i = 0; i < 3e6; i++) sum += i; return new Response("x".repeat(200_000) + sum); } };`,
      { cpuMsMax: 1_000 },
    );
    const { ended } = await start(busy, 120);
    await ended;
    const { terms, report } = await reportOf(busy);
    expect(report.used.requests).toBe(BigInt(report.counts.answered));
    expect(report.used.egressBytes).toBeGreaterThan(BigInt(report.counts.answered) * 200_000n);
    expect(report.used.cpuNs).toBeGreaterThan(BigInt(report.counts.answered) * 500_000n);
    expect(Number(report.spent) / 1e12).toBeCloseTo(priceOf(terms, report.used), 5);
    expect(report.passedBy).toBe(0n);
    expect(verdictOf(terms, report).kind).toBe("held");
  },
);

test("where something spends past the cap, the drill says so", { timeout }, async () => {
  const { db } = runtime.database;
  const cheated = await tenant("cheated", hello);
  const drill = await start(cheated);
  const { temporaryId, temporaryFunctionId } = await db.floodDrill.findFirstOrThrow({
    where: { organizationId: cheated.organizationId },
    select: { temporaryId: true, temporaryFunctionId: true },
  });
  // Counted by a life of another runtime that has no lease: what the caps are there to prevent.
  const facts = Array.from({ length: 101 }, (_, seq) => ({
    epoch: 999_999n,
    seq: BigInt(seq),
    kind: "request" as const,
    organizationId: temporaryId,
    functionId: temporaryFunctionId,
    versionId: newId("version"),
    requestId: null,
    occurredAtMs: Date.now(),
    method: "GET",
    path: "/",
    status: 200,
    outcome: "ok",
    wallUs: 1,
    cpuNs: 0,
    ingressBytes: 0,
    egressBytes: 0,
    coldStart: false,
  }));
  await recordUsage(db, facts);
  await drill.ended;
  const { terms, report } = await reportOf(cheated);
  expect(report.passedBy).toBeGreaterThan(0n);
  expect(verdictOf(terms, report).kind).toBe("passed");
  expect(await strangersSwept()).toEqual(nobody);
});

test("a drill tells how far it is, and keeps its report in the audit log", { timeout }, async () => {
  const { db } = runtime.database;
  const seen = await tenant(
    "seen",
    `export default { fetch: async () => { await scheduler.wait(150); return new Response("slow"); } };`,
  );
  const drill = await start(seen, 200);
  const running = await eventually(
    () => latestDrill({ db, clock }, seen.organizationId),
    (view) => view?.stage.kind === "running" && view.stage.answered > 0,
  );
  expect(running).toMatchObject({
    id: drill.id,
    functionName: "hello",
    cap: "$0.05",
    calls: 200,
    stage: { kind: "running" },
  });
  await drill.ended;
  expect(await latestDrill({ db, clock }, seen.organizationId)).toMatchObject({
    stage: { kind: "done", verdict: { kind: "held" } },
  });
  const entries = await db.auditEntry.findMany({
    where: { organizationId: seen.organizationId, subject: drill.id },
    orderBy: { at: "asc" },
    select: { action: true, detail: true },
  });
  expect(entries).toMatchObject([
    { action: "flood_drill.started", detail: { function: "hello", cap: "$0.05", calls: 200 } },
    { action: "flood_drill.ended", detail: { verdict: "held", passedBy: "$0.00", made: 200 } },
  ]);
});

test("a drill that breaks off says so, and leaves nothing either", { timeout }, async () => {
  const broken = await tenant("broken", hello);
  let times = 0;
  const changed = async () => {
    times += 1;
    if (times > 1) throw new Error("out of order");
  };
  const drill = await startDrill(
    { ...tools(), readiness: { changed } },
    {
      organizationId: broken.organizationId,
      userId: newId("user"),
      functionName: "hello",
      terms: { capCents: 5n, calls: 40 },
    },
  );
  await drill.ended;
  expect(await latestDrill(tools(), broken.organizationId)).toMatchObject({
    stage: { kind: "failed", message: expect.stringContaining("broke off") },
  });
  expect(await strangersSwept()).toEqual(nobody);
});

test(
  "a runtime that is killed in the midst of a flood spends nothing past the cap either, and forgets no answer",
  { timeout },
  async () => {
    const killed = await tenant(
      "killed",
      `export default { fetch: async () => { await scheduler.wait(100); return new Response("slow"); } };`,
    );
    const drill = await start(killed, 2_000);
    const atKill = await eventually(
      () => latestDrill(tools(), killed.organizationId),
      (view) => view?.stage.kind === "running" && view.stage.answered > 100,
    );
    await runtime.kill("SIGKILL");
    await runtime.start();
    await drill.ended;
    const { report } = await reportOf(killed);
    expect(report.passedBy).toBe(0n);
    expect(report.unrecorded).toBe(0);
    expect(report.counts.other["no answer"]).toBeGreaterThan(0);
    expect(atKill?.stage.kind === "running" && report.counts.answered > atKill.stage.answered + 50).toBe(true);
    expect(await strangersSwept()).toEqual(nobody);
  },
);
