import { Client } from "pg";
import { expect, test } from "vitest";
import { channels } from "#server/contract/notify.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId, type Id } from "#server/std/id.ts";
import { stoppedBecause, updateAllowances } from "./allowance.ts";
import { CPU_HOUR_NS, firstVersion } from "./price-book.ts";

const november = new Date("2026-11-24T10:30:00Z");
const december = new Date("2026-12-01T00:00:02Z");
const everything = new Date(0);
const free = firstVersion.plans.free.meters;

type Used = { requests?: bigint; cpuNs?: bigint; egressBytes?: bigint; hourAt?: Date };

async function organization({ db }: TestDatabase, plan: "free" | "pro", ...hours: Used[]): Promise<Id<"organization">> {
  const id = newId("organization");
  await db.organization.create({ data: { id, slug: id.replace("_", "-"), name: "Acme", plan }, select: { id: true } });
  for (const [index, used] of hours.entries()) {
    const hourAt = new Date("2026-11-24T09:00:00Z");
    await db.usageHour.create({
      data: { hourAt, ...used, organizationId: id, functionId: `fn_${index}` },
      select: { hourAt: true },
    });
  }
  return id;
}

const look = ({ db }: TestDatabase, at: Date, since = everything) =>
  updateAllowances({ db, clock: { nowMs: () => at.getTime(), monotonicUs: () => 0 } }, since);

const allowanceOf = ({ db }: TestDatabase, organizationId: string) =>
  db.allowance.findUnique({ where: { organizationId }, select: { state: true, reason: true } });

test("who used more than a plan that stops includes is stopped, told why, and the gateway is told once", async () => {
  await using database = await testDatabase();
  const id = await organization(
    database,
    "free",
    { cpuNs: 1n },
    { requests: free.requests.included },
    { requests: 1n },
  );
  await using heard = await notifications(database.url);
  expect(await look(database, november)).toEqual({ stopped: [id], opened: [] });
  expect(await look(database, november)).toEqual({ stopped: [], opened: [] });
  expect(await allowanceOf(database, id)).toEqual({
    state: "stopped",
    reason:
      "The Free plan's 1,000,000 requests a month are used up. Functions answer again on 1 December 2026 (UTC), or when the organization moves to Pro.",
  });
  expect(await heard.all()).toEqual([id]);
});

test("every meter that is over is named", async () => {
  await using database = await testDatabase();
  const over = { cpuNs: free.cpu.included + 1n, egressBytes: free.egress.included + 1n };
  const id = await organization(database, "free", over);
  await look(database, november);
  expect(await stoppedBecause(database.db, id)).toContain("2 CPU-hours and 10 GB of egress a month are used up");
});

test("exactly what is included is still open, and writes nothing", async () => {
  await using database = await testDatabase();
  const { requests, cpu, egress } = free;
  const id = await organization(database, "free", {
    requests: requests.included,
    cpuNs: cpu.included,
    egressBytes: egress.included,
  });
  expect(await look(database, november)).toEqual({ stopped: [], opened: [] });
  expect(await allowanceOf(database, id)).toBeNull();
});

test("a new month opens what the last one stopped, without a request", async () => {
  await using database = await testDatabase();
  const id = await organization(database, "free", { cpuNs: 3n * CPU_HOUR_NS });
  await look(database, november);
  await using heard = await notifications(database.url);
  expect(await look(database, december, december)).toEqual({ stopped: [], opened: [id] });
  expect(await allowanceOf(database, id)).toEqual({ state: "open", reason: "" });
  expect(await stoppedBecause(database.db, id)).toBeNull();
  expect(await heard.all()).toEqual([id]);
});

test("a plan that bills is never stopped, and moving to it opens", async () => {
  await using database = await testDatabase();
  const much = { requests: 10n ** 12n, cpuNs: 10n ** 18n, egressBytes: 10n ** 18n };
  await organization(database, "pro", much);
  expect(await look(database, november)).toEqual({ stopped: [], opened: [] });
  const id = await organization(database, "free", much);
  expect((await look(database, november))?.stopped).toEqual([id]);
  await database.db.organization.update({ where: { id }, data: { plan: "pro" }, select: { id: true } });
  expect((await look(database, november, november))?.opened).toEqual([id]);
});

test("a look from a moment on sees the whole month of those who were used since, and of nobody else", async () => {
  await using database = await testDatabase();
  const old = { requests: free.requests.included + 1n, hourAt: new Date("2026-11-02T00:00:00Z") };
  await organization(database, "free", old);
  const active = await organization(database, "free", old, { requests: 1n, hourAt: new Date("2026-11-24T10:00:00Z") });
  expect((await look(database, november, november))?.stopped).toEqual([active]);
});

test("while one console looks, another leaves it alone", async () => {
  await using database = await testDatabase();
  await organization(database, "free", { requests: free.requests.included + 1n });
  const both = await Promise.all([look(database, november), look(database, november), look(database, november)]);
  expect(both.flatMap((one) => one?.stopped ?? [])).toHaveLength(1);
});

/** What is said on the organizations' channel from now on. */
async function notifications(url: string) {
  const client = new Client({ connectionString: url });
  const said: string[] = [];
  client.on("notification", ({ payload }) => said.push(payload ?? ""));
  await client.connect();
  await client.query(`LISTEN ${channels.organization}`);
  return {
    /** A query's answer comes after whatever was said before it was asked. */
    async all() {
      await client.query("SELECT 1");
      return said;
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}
