import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { expect, test } from "vitest";
import { migrate, readMigrations } from "./migrate.ts";
import { noFilter, openSchemaEngine } from "./schema-engine.ts";
import { emptyTestDatabase, testDatabase } from "./test-database.ts";

const prisma = join(import.meta.dirname, "../../prisma");

test("a migrated database is left as it is", async () => {
  await using database = await testDatabase();
  expect(await migrate(database.url)).toEqual([]);
});

test("the newest migration leads to the schema that the code was generated from", async () => {
  const names = (await readdir(join(prisma, "migrations"))).filter((name) => /^\d{14}_/.test(name));
  const newest = names.toSorted().at(-1) ?? "";
  expect(await readFile(join(prisma, "migrations", newest, "schema.prisma"), "utf8")).toBe(
    await readFile(join(prisma, "schema.prisma"), "utf8"),
  );
});

test("the migrations, those written by hand too, make the tables that the schema describes", async () => {
  await using migrated = await testDatabase();
  await using described = await emptyTestDatabase();
  await inDatabase(described.url, await describedBySchema(described.url));
  const tables = await inDatabase(described.url, CATALOG);
  expect(tables.length).toBeGreaterThan(100);
  expect(await inDatabase(migrated.url, CATALOG)).toEqual(tables);
});

test("log lines that were there before the table was partitioned are kept", async () => {
  await using database = await emptyTestDatabase();
  const migrations = await readMigrations();
  const partitioning = migrations.findIndex(({ name }) => name.endsWith("_partition_log_lines_by_day"));
  for (const { script } of migrations.slice(0, partitioning)) await inDatabase(database.url, script);
  await inDatabase(
    database.url,
    `INSERT INTO log_line (epoch, seq, organization_id, function_id, version_id, at, level, message)
     SELECT 1, n, 'org_1', 'fn_1', 'ver_1', '2026-11-20T23:30:00Z'::timestamptz + n * interval '1 hour', 'log', 'line ' || n
     FROM generate_series(0, 47) AS n`,
  );
  await inDatabase(database.url, migrations[partitioning]?.script ?? "");
  const kept = await inDatabase(
    database.url,
    "SELECT tableoid::regclass::text AS day, count(*)::int AS lines, min(message) AS first FROM log_line GROUP BY 1 ORDER BY 1",
  );
  expect(kept).toEqual([
    { day: "log_line_day_20261120", lines: 1, first: "line 0" },
    { day: "log_line_day_20261121", lines: 24, first: "line 1" },
    { day: "log_line_day_20261122", lines: 23, first: "line 25" },
  ]);
});

test("facts that were there before the ledger was partitioned are kept, and still count once", async () => {
  await using database = await emptyTestDatabase();
  const migrations = await readMigrations();
  const partitioning = migrations.findIndex(({ name }) => name.endsWith("_seals_and_ledger_months"));
  for (const { script } of migrations.slice(0, partitioning)) await inDatabase(database.url, script);
  const insert = (conflict: string) =>
    inDatabase(
      database.url,
      `INSERT INTO usage_event (epoch, seq, kind, organization_id, function_id, version_id, occurred_at, outcome, wall_us, cpu_ns, ingress_bytes, egress_bytes)
       SELECT 1, n, 'request', 'org_1', 'fn_1', 'ver_1', '2026-11-20T23:30:00Z', 'ok', 1, 2, 3, 4 FROM generate_series(1, 3) AS n
       ON CONFLICT (${conflict}) DO NOTHING RETURNING seq`,
    );
  expect(await insert("epoch, seq")).toHaveLength(3);
  await inDatabase(database.url, migrations[partitioning]?.script ?? "");
  expect(await insert("epoch, seq, occurred_at")).toEqual([]);
  const kept = await inDatabase(
    database.url,
    "SELECT tableoid::regclass::text AS partition, count(*)::int AS facts FROM usage_event GROUP BY 1",
  );
  expect(kept).toEqual([{ partition: "usage_event_rest", facts: 3 }]);
});

/** What a database's tables are, without partitions: columns, keys, indexes. No schema of Prisma's can say how an index is kept (WITH), nor of which rows it is. */
const CATALOG = `
  SELECT table_name AS "table", column_name AS name, concat_ws(' ', udt_name, datetime_precision, character_maximum_length,
         is_nullable, column_default) AS definition
  FROM information_schema.columns
  WHERE table_schema = 'public' AND table_name !~ '^(log_line_day_|usage_event_|_prisma_migrations)'
  UNION ALL
  SELECT tablename, indexname, regexp_replace(replace(indexdef, ' ON ONLY ', ' ON '), ' WITH .*', '') FROM pg_indexes
  WHERE schemaname = 'public' AND indexdef !~ ' WHERE ' AND tablename !~ '^(log_line_day_|usage_event_|_prisma_migrations)'
  UNION ALL
  SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE contype IN ('p', 'u', 'f') AND connamespace = 'public'::regnamespace
    AND conrelid::regclass::text !~ '^(log_line_day_|usage_event_|_prisma_migrations)'
  ORDER BY 1, 2, 3`;

async function describedBySchema(databaseUrl: string): Promise<string> {
  await using schemaEngine = await openSchemaEngine(databaseUrl);
  const content = await readFile(join(prisma, "schema.prisma"), "utf8");
  const { stdout } = await schemaEngine.engine.diff({
    from: { tag: "empty" },
    to: { tag: "schemaDatamodel", files: [{ path: "schema.prisma", content }] },
    script: true,
    exitCode: null,
    filters: noFilter,
  });
  return stdout ?? "";
}

async function inDatabase(databaseUrl: string, script: string): Promise<unknown[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(script)).rows;
  } finally {
    await client.end();
  }
}
