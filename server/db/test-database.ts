import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { connect, type Db } from "./client.ts";

export type TestDatabase = AsyncDisposable & { db: Db; url: string };

/** A migrated database of its own, dropped when disposed: `await using database = await testDatabase()`. */
export function testDatabase(): Promise<TestDatabase> {
  return makeDatabase("TEMPLATE sluice");
}

/** As above, with no table in it: for tests of migrations themselves. */
export function emptyTestDatabase(): Promise<TestDatabase> {
  return makeDatabase("");
}

async function makeDatabase(like: string): Promise<TestDatabase> {
  const template = process.env["TEST_DATABASE_URL"];
  if (!template)
    throw new Error("TEST_DATABASE_URL is not set: run through vitest, whose global setup starts a Postgres");
  const name = `test_${randomBytes(8).toString("hex")}`;
  await inPostgres(template, `CREATE DATABASE ${name} ${like}`);
  const url = template.replace("/sluice?", `/${name}?`);
  const db = connect(url);
  return {
    db,
    url,
    async [Symbol.asyncDispose]() {
      await db.$disconnect();
      await inPostgres(template, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function inPostgres(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url.replace("/sluice?", "/postgres?") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
