import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { expect, test } from "vitest";
import { connect } from "#server/db/client.ts";
import { reconcile } from "./reconcile.ts";
import { stripePayments } from "./stripe-payments.ts";
import {
  countedBy,
  drain,
  proOrganization,
  sealHour,
  testBilling,
  workRound,
  type TestBilling,
} from "./test-billing.ts";

async function inPostgres(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url.replace(/\/test_[0-9a-f]+\?/, "/postgres?") });
  await client.connect();
  await client.query(statement);
  await client.end();
}

const nameOf = (url: string) => /\/(test_[0-9a-f]+)\?/.exec(url)?.[1] ?? "";

/** The database as it is now, kept apart. A copy needs the original alone, so its connections are cut. */
async function snapshot({ database }: TestBilling): Promise<string> {
  const copy = `test_${randomBytes(8).toString("hex")}`;
  const name = nameOf(database.url);
  await inPostgres(database.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  await inPostgres(database.url, `CREATE DATABASE ${copy} TEMPLATE ${name}`);
  return database.url.replace(name, copy);
}

/** Goes on with another database in place of the one there was. */
function on(billing: TestBilling, url: string): TestBilling & AsyncDisposable {
  const [db, locks] = [connect(url), connect(url, { connectionsMax: 20 })];
  const tools = { ...billing.tools, db, locks };
  return {
    ...billing,
    database: { ...billing.database, db, url },
    tools,
    payments: stripePayments(tools),
    async [Symbol.asyncDispose]() {
      await Promise.all([db.$disconnect(), locks.$disconnect()]);
      await inPostgres(url, `DROP DATABASE ${nameOf(url)} WITH (FORCE)`);
    },
  };
}

const hours = ["11", "12", "13"].map((hour) => `2026-11-24T${hour}:00:00Z`);
const counted = (billing: TestBilling) =>
  hours.map((from) =>
    countedBy(billing, { meter: "sluice_requests", from, to: new Date(Date.parse(from) + 3_600_000).toISOString() }),
  );

async function useAll(billing: TestBilling, organizationId: string, from: number): Promise<void> {
  for (const hour of hours.slice(from)) await sealHour(billing, { organizationId, hour }, { requests: 10n });
}

test("a database that was put back to an earlier day tells the same hours again, and Stripe's totals stay as they were", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-24T14:06:00Z");
  await sealHour(billing, { organizationId, hour: hours[0] ?? "" }, { requests: 10n });
  await drain(billing);
  const url = await snapshot(billing);
  await useAll(billing, organizationId, 1);
  await sealHour(billing, { organizationId, hour: hours[0] ?? "" }, { requests: 5n });
  await billing.moveTo("2026-11-24T14:20:00Z");
  await drain(billing);
  expect(counted(billing)).toEqual([15n, 10n, 10n]);

  await using restored = on(billing, url);
  // The journals on the nodes' disks are shipped once more, and the hours are sealed as before.
  await useAll(restored, organizationId, 1);
  await sealHour(restored, { organizationId, hour: hours[0] ?? "" }, { requests: 5n });
  await restored.moveTo("2026-11-24T14:40:00Z");
  await drain(restored);
  await workRound(restored);
  expect(counted(restored)).toEqual([15n, 10n, 10n]);
  await restored.moveTo("2026-11-25T15:00:00Z");
  expect(await reconcile(restored.tools)).toEqual([]);
});

test("what was lost with the database is not billed: Stripe is told what the ledger still has", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-24T14:06:00Z");
  await sealHour(billing, { organizationId, hour: hours[0] ?? "" }, { requests: 10n });
  await drain(billing);
  const url = await snapshot(billing);
  await useAll(billing, organizationId, 1);
  await sealHour(billing, { organizationId, hour: hours[0] ?? "" }, { requests: 5n });
  await billing.moveTo("2026-11-24T14:20:00Z");
  await drain(billing);

  await using restored = on(billing, url);
  // A few hourly looks: what is told first bears an identifier, and a key, that Stripe knows from the time that was lost.
  for (const hour of ["18", "19", "20", "21", "22", "23"]) {
    const at = `2026-11-24T${hour}:00:00Z`;
    await restored.moveTo(at);
    await reconcile(restored.tools);
    await drain(restored);
  }
  expect(counted(restored)).toEqual([10n, 0n, 0n]);
});
