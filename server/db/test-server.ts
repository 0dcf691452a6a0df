import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { migrate } from "./migrate.ts";

/** vitest's global setup: one real Postgres for the run, migrated once; each test file then clones it (test-database.ts). */
export default async function setup(): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-test-"));
  const postgres = await startEmbeddedPostgres({ dataDir: dir, runDir: dir });
  await migrate(postgres.url);
  process.env["TEST_DATABASE_URL"] = postgres.url;
  return async () => {
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
