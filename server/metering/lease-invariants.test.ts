import fc from "fast-check";
import { expect, test } from "vitest";
import type { Db } from "#server/db/client.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { nextMonthStart } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { budgetState, costCents, meterCents, setBudget, type Budget } from "./budget.ts";
import { beginEpoch, markDrained, recordUsage, type UsageFact } from "./ledger.ts";
import { returnLease, takeLease } from "./lease.ts";
import type { Usage } from "./usage.ts";

const start = new Date("2026-11-30T22:00:00Z");
const weights: Budget["weights"] = {
  requests: { included: 20n, price: "30", per: 100n },
  cpuNs: { included: 1000n, price: "0.7", per: 13n },
  egressBytes: { included: 500n, price: "4", per: 100n },
};
const budgetOf = (mostCents: bigint, at: Date): Budget => ({
  period: { from: new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1)), to: nextMonthStart(at) },
  mostCents,
  weights,
});

async function newOrganization({ db }: TestDatabase, mostCents: bigint): Promise<Id<"organization">> {
  const id = newId("organization");
  const data = { id, slug: id.replace("_", "-"), name: "Acme", allowance: { create: {} } };
  await db.organization.create({ data, select: { id: true } });
  await db.$transaction((tx) => setBudget(tx, id, budgetOf(mostCents, start)));
  return id;
}

const sum = (a: Usage, b: Usage): Usage => ({
  requests: a.requests + b.requests,
  cpuNs: a.cpuNs + b.cpuNs,
  egressBytes: a.egressBytes + b.egressBytes,
});
const less = (a: Usage, b: Usage): Usage =>
  sum(a, { requests: -b.requests, cpuNs: -b.cpuNs, egressBytes: -b.egressBytes });
const fits = (a: Usage, b: Usage) => a.requests <= b.requests && a.cpuNs <= b.cpuNs && a.egressBytes <= b.egressBytes;
const part = (of: Usage, percent: bigint): Usage => ({
  requests: (of.requests * percent) / 100n,
  cpuNs: (of.cpuNs * percent) / 100n,
  egressBytes: (of.egressBytes * percent) / 100n,
});
const nothing: Usage = { requests: 0n, cpuNs: 0n, egressBytes: 0n };

/** A runtime life as the ledger sees it: what it holds, and what its journal has that was not shipped yet. */
type Life = { epoch: bigint; seq: bigint; free: Map<string, Usage>; journal: UsageFact[]; shipped: UsageFact[] };

const quantity = (max: bigint) => fc.bigInt({ min: 0n, max });
const usage = fc.record({ requests: quantity(30n), cpuNs: quantity(2000n), egressBytes: quantity(800n) });
const who = { life: fc.nat(2), org: fc.nat(1) };
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("take" as const), ...who, want: usage, least: usage }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("call" as const),
      ...who,
      cpuNs: quantity(300n),
      egressBytes: quantity(90n),
      hoursAgo: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ship" as const), life: fc.nat(2), again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("return" as const), ...who, percent: quantity(100n) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), life: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("recover" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cap" as const), org: fc.nat(1), cents: quantity(40n) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("hours" as const),
      hours: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 400 })),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Three lives, two organizations and a clock; each step is what a runtime or billing would do. */
class World {
  now = start;
  readonly crashed: Life[] = [];
  readonly #database: TestDatabase;
  readonly organizations: Id<"organization">[];
  readonly lives: Life[];
  /** No organization's cost may pass its cap, except that a cap was lowered below it. */
  readonly ceilings = new Map<string, bigint>();

  private constructor(database: TestDatabase, organizations: Id<"organization">[], lives: Life[]) {
    this.#database = database;
    this.organizations = organizations;
    this.lives = lives;
  }

  static async begin(database: TestDatabase): Promise<World> {
    const organizations = [await newOrganization(database, 0n), await newOrganization(database, 25n)];
    const lives = [await newLife(database.db), await newLife(database.db), await newLife(database.db)];
    return new World(database, organizations, lives);
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case "take":
      case "call":
      case "return":
        return this.#use(step);
      case "ship":
      case "crash":
      case "recover":
        return this.#carry(step);
      case "cap": {
        const organizationId = this.organizations[step.org] ?? fail();
        const budget = budgetOf(step.cents, this.now);
        await this.#database.db.$transaction((tx) => setBudget(tx, organizationId, budget));
        this.ceilings.delete(organizationId);
        return;
      }
      case "hours":
        this.now = new Date(this.now.getTime() + step.hours * 3_600_000);
    }
  }

  /** A life draws on a lease. */
  async #use(step: Extract<Step, { kind: "take" | "call" | "return" }>): Promise<void> {
    const { db } = this.#database;
    const organizationId = this.organizations[step.org] ?? fail();
    const life = this.lives[step.life] ?? fail();
    const { epoch } = life;
    const free = life.free.get(organizationId) ?? nothing;
    switch (step.kind) {
      case "take": {
        const { want, least } = step;
        const answer = await takeLease(db, { organizationId, epoch, want, least }, this.now);
        if (answer.kind === "refused") return;
        expect(fits(least, answer.granted)).toBe(true);
        life.free.set(organizationId, sum(free, answer.granted));
        return;
      }
      case "call": {
        const used = { requests: 1n, cpuNs: step.cpuNs, egressBytes: step.egressBytes };
        if (!fits(used, free)) return;
        life.free.set(organizationId, less(free, used));
        life.journal.push(call(life, organizationId, used, this.now.getTime() - step.hoursAgo * 3_600_000));
        return;
      }
      case "return": {
        const back = part(free, step.percent);
        await returnLease(db, { organizationId, epoch, back });
        life.free.set(organizationId, less(free, back));
      }
    }
  }

  /** A journal reaches the ledger: as it should, twice, or after a crash. */
  async #carry(step: Extract<Step, { kind: "ship" | "crash" | "recover" }>): Promise<void> {
    const { db } = this.#database;
    switch (step.kind) {
      case "ship": {
        const life = this.lives[step.life] ?? fail();
        const batch = step.again ? [...life.shipped, ...life.journal] : life.journal;
        expect(await recordUsage(db, batch)).toBe(life.journal.length);
        life.shipped = batch;
        life.journal = [];
        return;
      }
      case "crash":
        this.crashed.push(this.lives[step.life] ?? fail());
        this.lives[step.life] = await newLife(db);
        return;
      case "recover": {
        const old = this.crashed.pop();
        if (!old) return;
        await recordUsage(db, [...old.shipped, ...old.journal]);
        await markDrained(db, old.epoch);
      }
    }
  }

  async check(): Promise<void> {
    const { db } = this.#database;
    for (const organizationId of this.organizations) {
      const { budget, used, leased } = await budgetState(db, organizationId);
      if (!budget) return fail();
      const cost = costCents(budget.weights, sum(used, leased));
      expect(cost <= (this.ceilings.get(organizationId) ?? cost)).toBe(true);
      this.ceilings.set(organizationId, cost > budget.mostCents ? cost : budget.mostCents);
      expect(used).toEqual(await recount(db, organizationId, budget.period));
      const leases = await leasesOf(db, organizationId);
      expect(leased).toEqual(leases.map((row) => row.lease).reduce(sum, nothing));
      // A lease covers what its life may still use and what its journal holds: nothing more is handed to others meanwhile.
      for (const life of [...this.lives, ...this.crashed]) {
        const held = life.journal
          .filter((fact) => fact.organizationId === organizationId)
          .map((fact) => ({ requests: 1n, cpuNs: BigInt(fact.cpuNs), egressBytes: BigInt(fact.egressBytes) }))
          .reduce(sum, life.free.get(organizationId) ?? nothing);
        expect(leases.find(({ epoch }) => epoch === life.epoch)?.lease ?? nothing).toEqual(held);
      }
    }
  }
}

function fail(): never {
  throw new Error("the test's world has no such thing");
}

async function newLife(db: Db): Promise<Life> {
  const epoch = await beginEpoch(db, { node: "test", region: "test" });
  return { epoch, seq: 0n, free: new Map(), journal: [], shipped: [] };
}

function call(life: Life, organizationId: string, used: Usage, occurredAtMs: number): UsageFact {
  life.seq += 1n;
  return {
    epoch: life.epoch,
    seq: life.seq,
    kind: "request",
    organizationId,
    functionId: `fn_${life.seq % 3n}`,
    versionId: "ver_1",
    requestId: null,
    occurredAtMs,
    method: "GET",
    path: "/",
    status: 200,
    outcome: "ok",
    wallUs: 1000,
    cpuNs: Number(used.cpuNs),
    ingressBytes: 0,
    egressBytes: Number(used.egressBytes),
    coldStart: false,
  };
}

async function leasesOf(db: Db, organizationId: string): Promise<{ epoch: bigint; lease: Usage }[]> {
  const select = { epoch: true, requests: true, cpuNs: true, egressBytes: true } as const;
  const rows = await db.allowanceLease.findMany({ where: { organizationId }, select });
  return rows.map(({ epoch, ...lease }) => ({ epoch, lease }));
}

async function recount(db: Db, organizationId: string, period: Budget["period"]): Promise<Usage> {
  const { _sum, _count } = await db.usageEvent.aggregate({
    where: { organizationId, occurredAt: { gte: period.from, lt: period.to } },
    _sum: { cpuNs: true, egressBytes: true },
    _count: true,
  });
  return { requests: BigInt(_count), cpuNs: _sum.cpuNs ?? 0n, egressBytes: _sum.egressBytes ?? 0n };
}

test("whatever grants, calls, returns, crashes, recoveries, caps and months come in whatever order: used and leased never cost more than the cap, used is what the ledger has, and each lease covers what its life holds", async () => {
  await using database = await testDatabase();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const world = await World.begin(database);
      for (const step of steps) {
        await world.run(step);
        await world.check();
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 100_000 },
  );
}, 150_000);

test("the database's sum of what usage costs is billing's sum", async () => {
  await using database = await testDatabase();
  const price = fc
    .tuple(fc.nat(1000), fc.nat(999_999_999_999))
    .map(([cents, places]) => `${cents}.${String(places).padStart(12, "0")}`);
  const big = fc.oneof(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 2n ** 62n }));
  await fc.assert(
    fc.asyncProperty(big, big, price, big, async (used, included, price, more) => {
      const per = more + 1n;
      const [row] = await database.db.$queryRaw<{ cents: string }[]>`
        SELECT metered_cents(${used}::numeric, ${included}::bigint, ${price}::numeric, ${per}::bigint)::text AS cents`;
      expect(BigInt(row?.cents ?? "-1")).toBe(meterCents({ included, price, per }, used));
    }),
    { numRuns: 500 },
  );
});

test("runtimes that ship batches of the same organizations in any order, lease and give back at once never wait in a circle, and the cap holds at every look", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizations = await Promise.all(Array.from({ length: 6 }, () => newOrganization(database, 30n)));
  const running = new AbortController();
  let looks = 0;
  const watch = async () => {
    while (!running.signal.aborted) {
      for (const organizationId of organizations) {
        const { budget, used, leased } = await budgetState(db, organizationId);
        expect(costCents(budget?.weights ?? weights, sum(used, leased)) <= 30n).toBe(true);
        looks += 1;
      }
    }
  };
  const one = { requests: 1n, cpuNs: 40n, egressBytes: 20n };
  const runtime = async (index: number) => {
    const life = await newLife(db);
    for (let round = 0; round < 25; round += 1) {
      for (let turn = 0; turn < organizations.length; turn += 1) {
        const organizationId = organizations[(turn * (index + 1) + round) % organizations.length] ?? fail();
        const request = { organizationId, epoch: life.epoch, want: part(one, 300n), least: one };
        const answer = await takeLease(db, request, start);
        if (answer.kind === "refused") continue;
        for (let left = answer.granted; fits(one, left); left = less(left, one)) {
          life.journal.push(call(life, organizationId, one, start.getTime()));
        }
        await returnLease(db, { organizationId, epoch: life.epoch, back: { ...nothing, requests: 1n } });
        life.journal.pop();
      }
      if (index % 2 === 0) life.journal.reverse();
      await recordUsage(db, life.journal);
      life.journal = [];
    }
    await markDrained(db, life.epoch);
  };
  const watching = watch();
  await Promise.all(Array.from({ length: 5 }, (_, index) => runtime(index)));
  running.abort();
  await watching;
  expect(looks).toBeGreaterThan(organizations.length);
  for (const organizationId of organizations) {
    const { budget, used, leased } = await budgetState(db, organizationId);
    expect(leased).toEqual(nothing);
    expect(used).toEqual(await recount(db, organizationId, budget?.period ?? fail()));
    expect(used.requests).toBeGreaterThan(20n);
  }
}, 120_000);
