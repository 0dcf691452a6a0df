import { join } from "node:path";
import type { NextAuthOptions } from "next-auth";
import { authOptions } from "#server/auth/options.ts";
import { currentUserId } from "#server/auth/session.ts";
import { noPayments } from "#server/billing/no-payments.ts";
import type { Payments } from "#server/billing/payments.ts";
import { connect, type Db } from "#server/db/client.ts";
import { readConsoleEnv, readNpmEnvironment, type ConsoleEnv } from "#server/env.ts";
import { warmBundler } from "#server/functions/bundle.ts";
import { createPackages, type Packages } from "#server/functions/packages.ts";
import type { Readiness } from "#server/functions/readiness.ts";
import { createStripe } from "#server/stripe/client.ts";
import { stripePayments } from "#server/stripe/stripe-payments.ts";
import type { StripeTools } from "#server/stripe/tools.ts";
import { systemClock, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { createLog, type Log } from "#server/std/log.ts";
import { Seal } from "#server/std/seal.ts";
import { openObjectStore, type ObjectStore } from "#server/storage/objects/object-store.ts";
import { CLIENT_ADDRESS_HEADER } from "#server/auth/noted-headers.ts";
import { runtimeReadiness } from "./runtime-client.ts";

/** What the console process is made of. */
export type Parts = {
  env: ConsoleEnv;
  db: Db;
  clock: Clock;
  log: Log;
  auth: NextAuthOptions;
  readiness: Readiness;
  packages: Packages;
  /** Opened at first use; the same folder as the S3 door's. */
  objects(this: void): Promise<ObjectStore>;
  /** Null without SECRETS_KEY. */
  seal: Seal | null;
  payments: Payments;
  /** Null without a key of Stripe's. */
  stripe: StripeTools | null;
};

export type Context = Omit<Parts, "auth"> & {
  userId: Id<"user"> | null;
  /** Where the request came from, for rate limits. */
  clientAddress: string;
};

declare global {
  // Next instantiates a module once a bundle; the process is to have one pool all the same.
  var sluiceConsoleParts: Parts | undefined;
}

/** Composed at first use and never at import: `next build` imports routes without an environment. */
export function parts(): Parts {
  globalThis.sluiceConsoleParts ??= compose();
  return globalThis.sluiceConsoleParts;
}

function compose(): Parts {
  const env = readConsoleEnv();
  const log = createLog("console", env.LOG_LEVEL);
  const db = connect(env.DATABASE_URL);
  const clock = systemClock;
  const readiness = runtimeReadiness(env, log);
  const packages = createPackages({ dir: join(env.DATA_DIR, "packages"), environment: readNpmEnvironment() });
  const stripe = stripeTools(env, { db, clock, log });
  const payments = stripe ? stripePayments(stripe) : noPayments({ db, clock });
  warmBundler().catch((thrown: unknown) => log.error({ err: thrown }, "the bundler does not start"));
  const objects = lazyObjects({ db, dataDir: env.DATA_DIR });
  const seal = env.SECRETS_KEY === undefined ? null : new Seal(env.SECRETS_KEY);
  const auth = authOptions({ env, db, clock, log });
  return { env, db, clock, log, auth, readiness, packages, objects, seal, payments, stripe };
}

/** What could not be opened is tried again at the next use. */
function lazyObjects(of: { db: Db; dataDir: string }): () => Promise<ObjectStore> {
  let opening: Promise<ObjectStore> | undefined;
  return () =>
    (opening ??= openObjectStore(of).catch((error: unknown) => {
      opening = undefined;
      throw error;
    }));
}

/** Locks for what people ask of Stripe: each waits for its turn without a connection of those who work. */
const LOCKS_MAX = 8;

function stripeTools(env: ConsoleEnv, shared: Pick<StripeTools, "db" | "clock" | "log">): StripeTools | null {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase, DATABASE_URL: databaseUrl } = env;
  if (secretKey === undefined) return null;
  const locks = connect(databaseUrl, { connectionsMax: LOCKS_MAX });
  return { ...shared, locks, stripe: createStripe({ secretKey, apiBase }) };
}

export async function createContext(headers: Headers): Promise<Context> {
  const { auth, ...rest } = parts();
  return {
    ...rest,
    userId: await currentUserId(auth),
    clientAddress: headers.get(CLIENT_ADDRESS_HEADER) ?? "unknown",
  };
}
