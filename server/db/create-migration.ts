import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readMigrations } from "./migrate.ts";
import { noFilter, openSchemaEngine } from "./schema-engine.ts";

/**
 * `npm run db:migration NAME`: writes the SQL that leads from the last migration to prisma/schema.prisma.
 * Each migration keeps the schema that it led to, so the difference is taken between two files; DATABASE_URL only
 * tells the engine which Postgres it writes for, and nothing is changed there.
 */
const [name, databaseUrl] = [process.argv[2], process.env["DATABASE_URL"]];
if (!name || !/^[a-z0-9_]+$/.test(name) || !databaseUrl)
  throw new Error("usage: DATABASE_URL=… npm run db:migration name_of_it");

const root = join(import.meta.dirname, "../..");
const schema = await readFile(join(root, "prisma/schema.prisma"), "utf8");
const last = (await readMigrations()).at(-1);
const before = last && (await readFile(join(root, "prisma/migrations", last.name, "schema.prisma"), "utf8"));
await using schemaEngine = await openSchemaEngine(databaseUrl);
const { stdout } = await schemaEngine.engine.diff({
  from:
    before === undefined
      ? { tag: "empty" }
      : { tag: "schemaDatamodel", files: [{ path: "schema.prisma", content: before }] },
  to: { tag: "schemaDatamodel", files: [{ path: "schema.prisma", content: schema }] },
  script: true,
  exitCode: null,
  filters: noFilter,
});
const stamp = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
const folder = join(root, "prisma/migrations", `${stamp}_${name}`);
await mkdir(folder, { recursive: true });
await writeFile(join(folder, "migration.sql"), stdout ?? "");
await writeFile(join(folder, "schema.prisma"), schema);
console.log(folder);
