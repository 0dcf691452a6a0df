import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { noFilter, openSchemaEngine } from "./schema-engine.ts";

const migrationsDir = join(import.meta.dirname, "../../prisma/migrations");

type Migration = { name: string; script: string };

/**
 * Brings a database to the newest migration, in Prisma's own format (`_prisma_migrations`), and returns the names of those applied.
 * When all are there it asks the database one question and loads no engine: a start is quick.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const migrations = await readMigrations();
  if (await allApplied(databaseUrl, migrations)) return [];
  await using schemaEngine = await openSchemaEngine(databaseUrl);
  const migrationsList = await migrationList(migrations);
  const { appliedMigrationNames } = await schemaEngine.engine.applyMigrations({ migrationsList, filters: noFilter });
  return appliedMigrationNames;
}

/** What the schema engine wants to know of the folder prisma/migrations. */
export async function migrationList(migrations: Migration[]) {
  return {
    baseDir: migrationsDir,
    lockfile: {
      path: "migration_lock.toml",
      content: await readFile(join(migrationsDir, "migration_lock.toml"), "utf8"),
    },
    shadowDbInitScript: "",
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: "migration.sql", content: { tag: "ok" as const, value: script } },
    })),
  };
}

export async function readMigrations(): Promise<Migration[]> {
  const entries = await readdir(migrationsDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  names.sort();
  return Promise.all(
    names.map(async (name) => ({ name, script: await readFile(join(migrationsDir, name, "migration.sql"), "utf8") })),
  );
}

async function allApplied(databaseUrl: string, migrations: Migration[]): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const exists = await client.query("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists");
    if (exists.rows[0]?.exists !== true) return false;
    const { rows } = await client.query<{ migration_name: string; checksum: string }>(
      "SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL",
    );
    const checksumOf = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    return migrations.every(
      ({ name, script }) => checksumOf.get(name) === createHash("sha256").update(script).digest("hex"),
    );
  } finally {
    await client.end();
  }
}
