import { tmpdir } from "node:os";
import { join } from "node:path";
import { noPayments } from "#server/billing/no-payments.ts";
import type { Db } from "#server/db/client.ts";
import { readConsoleEnv } from "#server/env.ts";
import { createPackages } from "#server/functions/packages.ts";
import { systemClock, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { Seal } from "#server/std/seal.ts";
import { openObjectStore } from "#server/storage/objects/object-store.ts";
import type { Context } from "./context.ts";

/** A context for tests of procedures that start no function: its runtime is not there. */
export function testContext(of: {
  db: Db;
  userId: Id<"user"> | null;
  clock?: Clock;
  /** For tests of what is stored. */
  dataDir?: string;
}): Context {
  const env = readConsoleEnv({
    NODE_ENV: "test",
    DATABASE_URL: "postgresql://unused",
    INTERNAL_SECRET: "i".repeat(32),
    NEXTAUTH_SECRET: "n".repeat(32),
    NEXTAUTH_URL: "http://localhost:3000",
    RUNTIME_URL: "http://127.0.0.1:1",
  });
  const clock = of.clock ?? systemClock;
  return {
    ...of,
    env,
    clock,
    stripe: null,
    payments: noPayments({ db: of.db, clock }),
    log: createLog("test", "silent"),
    readiness: {
      prepare: async () => ({ kind: "unavailable", message: "there is no runtime in this test" }),
      changed: async () => undefined,
    },
    objects: () => openObjectStore({ db: of.db, dataDir: of.dataDir ?? join(tmpdir(), "sluice-test-objects") }),
    seal: new Seal("s".repeat(32)),
    packages: createPackages({ dir: join(tmpdir(), "sluice-test-packages"), environment: {} }),
    clientAddress: "192.0.2.1",
  };
}
