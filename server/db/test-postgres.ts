import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "./embedded-postgres.ts";
import { migrate } from "./migrate.ts";

/** A Postgres that a test may kill: `url` is that of a migrated database in it. */
export type TestPostgres = AsyncDisposable & { url: string; stop(): Promise<void>; start(): Promise<void> };

/** One of a test's own, since the one that all tests share must live on. */
export async function testPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-pg-"));
  const launch = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir: dir, runDir: dir });
  let current = await launch();
  await migrate(current.url);
  return {
    url: current.url,
    stop: () => current.stop(),
    async start() {
      current = await launch();
    },
    async [Symbol.asyncDispose]() {
      await current.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
