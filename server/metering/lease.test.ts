import { Client } from "pg";
import { expect, test } from "vitest";
import { channels } from "#server/contract/notify.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId, type Id } from "#server/std/id.ts";
import { budgetState, setBudget, setVerdict, type Budget } from "./budget.ts";
import { beginEpoch, markDrained, recordUsage, type UsageFact } from "./ledger.ts";
import { returnLease, takeLease } from "./lease.ts";

const november = { from: new Date("2026-11-01T00:00:00Z"), to: new Date("2026-12-01T00:00:00Z") };
const now = new Date("2026-11-24T10:00:00Z");
const none = { requests: 0n, cpuNs: 0n, egressBytes: 0n };
const oneRequest = { ...none, requests: 1n };

/** 100 requests are included; each further one costs a cent. CPU and egress cost nothing. */
function budgetOf(mostCents: bigint, more: Partial<Budget> = {}): Budget {
  const free = { included: 0n, price: "0", per: 1n };
  return {
    period: november,
    mostCents,
    weights: { requests: { included: 100n, price: "1", per: 1n }, cpuNs: free, egressBytes: free },
    ...more,
  };
}

async function organization({ db }: TestDatabase, budget?: Budget): Promise<Id<"organization">> {
  const id = newId("organization");
  await db.organization.create({ data: { id, slug: id.replace("_", "-"), name: "Acme" }, select: { id: true } });
  if (budget) await db.$transaction((tx) => setBudget(tx, id, budget));
  return id;
}

const epochOf = ({ db }: TestDatabase) => beginEpoch(db, { node: "test", region: "test" });

let seq = 0n;
function requests(count: number, of: Pick<UsageFact, "organizationId" | "epoch"> & Partial<UsageFact>): UsageFact[] {
  return Array.from({ length: count }, () => ({
    seq: (seq += 1n),
    kind: "request",
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: null,
    occurredAtMs: now.getTime(),
    method: "GET",
    path: "/",
    status: 200,
    outcome: "ok",
    wallUs: 1000,
    cpuNs: 5000,
    ingressBytes: 0,
    egressBytes: 12,
    coldStart: false,
    ...of,
  }));
}

test("a lease is what was wanted while twice of it is left, then shrinks, and ends with the least", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [organizationId, epoch] = [await organization(database, budgetOf(0n)), await epochOf(database)];
  const take = async () =>
    takeLease(db, { organizationId, epoch, want: { ...none, requests: 40n }, least: { ...none, requests: 10n } }, now);
  const granted: bigint[] = [];
  for (;;) {
    const answer = await take();
    if (answer.kind === "refused") {
      expect(answer.because).toBe("leased_elsewhere");
      break;
    }
    granted.push(answer.granted.requests);
  }
  expect(granted).toEqual([40n, 25n, 17n, 10n]);
  expect(await budgetState(db, organizationId)).toMatchObject({ used: none, leased: { requests: 92n } });
});

test("usage moves out of the lease of the epoch that counted it, once, and usage beyond a lease is used all the same", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [organizationId, epoch] = [await organization(database, budgetOf(0n)), await epochOf(database)];
  await takeLease(db, { organizationId, epoch, want: { ...none, requests: 5n }, least: oneRequest }, now);
  const batch = requests(3, { organizationId, epoch });
  await recordUsage(db, batch);
  await recordUsage(db, batch);
  expect(await budgetState(db, organizationId)).toMatchObject({
    used: { requests: 3n, cpuNs: 15_000n, egressBytes: 36n },
    leased: { requests: 2n },
  });
  await recordUsage(db, requests(4, { organizationId, epoch }));
  await recordUsage(db, requests(1, { organizationId, epoch: epoch + 1n }));
  expect(await budgetState(db, organizationId)).toMatchObject({ used: { requests: 8n }, leased: none });
});

test("what is used up is refused until the cap is raised, and the refusal is there to be shown", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [organizationId, epoch] = [await organization(database, budgetOf(0n)), await epochOf(database)];
  await recordUsage(db, requests(100, { organizationId, epoch }));
  const ask = { organizationId, epoch, want: oneRequest, least: oneRequest };
  expect(await takeLease(db, ask, now)).toEqual({
    kind: "refused",
    because: "used_up",
    reason:
      "The 100 requests that the organization's plan includes in November 2026 are used up. Functions answer again on 1 December 2026 (UTC), or once it gets a larger plan or a higher spending cap.",
  });
  // A runtime that asks ahead of need, for nothing at least, gets nothing, and that opens nothing.
  expect(await takeLease(db, { ...ask, least: none }, now)).toEqual({ kind: "granted", granted: none });
  expect((await budgetState(db, organizationId)).refused).toEqual(oneRequest);
  await db.$transaction((tx) => setBudget(tx, organizationId, budgetOf(2n)));
  expect((await budgetState(db, organizationId)).refused).toBeNull();
  expect(await takeLease(db, ask, now)).toEqual({ kind: "granted", granted: oneRequest });
  expect(await takeLease(db, ask, now)).toEqual({ kind: "granted", granted: oneRequest });
  expect(await takeLease(db, ask, now)).toMatchObject({ kind: "refused", because: "leased_elsewhere" });
});

test("what is given back can be leased by another, and no more than was leased can be given back", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await organization(database, budgetOf(0n));
  const [first, second] = [await epochOf(database), await epochOf(database)];
  const hundred = { ...none, requests: 100n };
  await takeLease(db, { organizationId, epoch: first, want: hundred, least: hundred }, now);
  const ask = { organizationId, epoch: second, want: oneRequest, least: oneRequest };
  expect(await takeLease(db, ask, now)).toMatchObject({ because: "leased_elsewhere" });
  await returnLease(db, { organizationId, epoch: first, back: { ...none, requests: 60n } });
  await returnLease(db, { organizationId, epoch: first, back: { ...none, requests: 1000n } });
  expect(await takeLease(db, ask, now)).toMatchObject({ kind: "granted" });
  expect((await budgetState(db, organizationId)).leased).toEqual(oneRequest);
});

test("a drained epoch gives back what it did not use, and gets nothing more", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [organizationId, epoch] = [await organization(database, budgetOf(0n)), await epochOf(database)];
  const ask = { organizationId, epoch, want: oneRequest, least: oneRequest };
  await takeLease(db, ask, now);
  await markDrained(db, epoch);
  expect(await budgetState(db, organizationId)).toMatchObject({ leased: none });
  expect(await takeLease(db, ask, now)).toMatchObject({ because: "epoch_over" });
});

test("without a budget, or stopped, nothing is leased, and the reason of the stop is told", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [organizationId, epoch] = [await organization(database), await epochOf(database)];
  const ask = { organizationId, epoch, want: oneRequest, least: oneRequest };
  expect(await takeLease(db, ask, now)).toMatchObject({ because: "no_budget" });
  await db.$transaction((tx) => setBudget(tx, organizationId, budgetOf(0n)));
  const reason = "Paused by the operator.";
  await db.$transaction((tx) => setVerdict(tx, organizationId, { state: "stopped", reason }));
  expect(await takeLease(db, ask, now)).toEqual({ kind: "refused", because: "stopped", reason });
  await db.$transaction((tx) => setVerdict(tx, organizationId, { state: "open" }));
  expect(await takeLease(db, ask, now)).toMatchObject({ kind: "granted" });
});

test("a month that is over begins the next by itself: used anew from its hours, leases still reserved, late usage of the old month left out", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [organizationId, epoch] = [await organization(database, budgetOf(0n)), await epochOf(database)];
  const lastMoment = Date.parse("2026-11-30T23:59:59.999Z");
  await recordUsage(db, requests(95, { organizationId, epoch, occurredAtMs: lastMoment }));
  await takeLease(
    db,
    { organizationId, epoch, want: { ...none, requests: 5n }, least: { ...none, requests: 5n } },
    now,
  );
  const december = new Date("2026-12-01T00:00:00Z");
  await recordUsage(db, requests(2, { organizationId, epoch, occurredAtMs: december.getTime() }));
  expect(await budgetState(db, organizationId)).toMatchObject({ used: { requests: 95n }, leased: { requests: 3n } });
  const ask = { organizationId, epoch, want: oneRequest, least: oneRequest };
  expect(await takeLease(db, ask, december)).toMatchObject({ kind: "granted" });
  await recordUsage(db, requests(2, { organizationId, epoch, occurredAtMs: lastMoment }));
  expect(await budgetState(db, organizationId)).toMatchObject({
    budget: { period: { from: december, to: new Date("2027-01-01T00:00:00Z") }, mostCents: 0n },
    used: { requests: 2n },
    leased: { requests: 2n },
  });
});

test("a budget that changes is told to the runtimes once; one that is the same is not told", async () => {
  await using database = await testDatabase();
  const organizationId = await organization(database);
  const client = new Client({ connectionString: database.url });
  const said: string[] = [];
  client.on("notification", ({ payload }) => said.push(payload ?? ""));
  await client.connect();
  await client.query(`LISTEN ${channels.organization}`);
  for (const cap of [0n, 0n, 5n]) {
    await database.db.$transaction((tx) => setBudget(tx, organizationId, budgetOf(cap)));
  }
  // A query's answer comes after whatever was said before it was asked.
  await client.query("SELECT 1");
  await client.end();
  expect(said).toEqual([organizationId, organizationId]);
});

test("many who ask at once over many connections never get more than there is", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await organization(database, budgetOf(7n));
  const epochs = await Promise.all(Array.from({ length: 8 }, () => epochOf(database)));
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      takeLease(
        db,
        { organizationId, epoch: epochs[index % 8] ?? 0n, want: { ...none, requests: 3n }, least: oneRequest },
        now,
      ),
    ),
  );
  const granted = answers.reduce((sum, answer) => sum + (answer.kind === "granted" ? answer.granted.requests : 0n), 0n);
  expect(granted).toBe(107n);
  expect((await budgetState(db, organizationId)).leased.requests).toBe(107n);
});
