import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Client } from "pg";
import { startEmbeddedPostgres } from "#server/db/embedded-postgres.ts";
import { migrate } from "#server/db/migrate.ts";
import { inheritedEnvironment, type SupervisorEnv } from "#server/env.ts";
import { makeRunDir, runDirFor } from "#server/runtime/run-dir.ts";
import { Fault, messageOf } from "#server/std/fault.ts";
import { lockFile } from "#server/std/file-lock.ts";
import { Child } from "./child.ts";
import { buildConsole, buildEditor, ensureBubblewrap, generateClient, readOrMakeKeys, type Say } from "./prepare.ts";

/** After a start of Postgres that failed. */
const POSTGRES_RETRY_MS = 2_000;
const root = join(import.meta.dirname, "../..");

export type Supervisor = {
  consoleUrl: string;
  functionsUrl: string;
  /** Puts a new runtime in the place of the one that serves, without a refused connection. */
  replaceRuntime(): Promise<void>;
  stop(): Promise<void>;
};

/** Prepares and starts everything: Postgres, runtime, console. Resolves when all of it serves. */
export async function startAll(env: SupervisorEnv, say: Say): Promise<Supervisor> {
  mkdirSync(env.DATA_DIR, { recursive: true, mode: 0o700 });
  const lock = lockFile(join(env.DATA_DIR, "lock"));
  if (!lock)
    throw new Fault(
      "conflict",
      `Another Sluice runs on ${env.DATA_DIR}. Stop it, or set DATA_DIR (and PORT, GATEWAY_PORT, S3_PORT) for a second one.`,
    );
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
    lock.release();
  };
  try {
    await ensureBubblewrap(say);
    const [databaseUrl] = await Promise.all([openDatabase(env, say, stops), generateClient(say)]);
    await buildEditor(say);
    if (env.NODE_ENV !== "development") await buildConsole(say);
    const runtime = await startChildren(env, databaseUrl, say, stops);
    return {
      consoleUrl: consoleUrl(env),
      functionsUrl: functionsUrl(env),
      replaceRuntime: () => runtime.replace(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openDatabase(env: SupervisorEnv, say: Say, stops: (() => Promise<void>)[]): Promise<string> {
  if (env.DATABASE_URL !== undefined) await checkReachable(env.DATABASE_URL);
  const url = env.DATABASE_URL ?? (await embed(env, say, stops));
  const applied = await migrate(url);
  if (applied.length > 0) say(`database migrated: ${applied.join(", ")}`);
  return url;
}

async function embed(env: SupervisorEnv, say: Say, stops: (() => Promise<void>)[]): Promise<string> {
  const runDir = runDirFor(env.DATA_DIR);
  makeRunDir(runDir);
  say("starting Postgres…");
  let isStopping = false;
  const start = () => startEmbeddedPostgres({ dataDir: env.DATA_DIR, runDir });
  let current = await start();
  const { url } = current;
  const watching = (async () => {
    for (;;) {
      await current.ended;
      if (isStopping) return;
      say("Postgres ended; starting it again");
      try {
        current = await start();
        if (isStopping) await current.stop();
      } catch (error) {
        say(`Postgres could not be started: ${messageOf(error)}`);
        await wait(POSTGRES_RETRY_MS);
      }
    }
  })();
  stops.push(async () => {
    isStopping = true;
    await current.stop();
    await watching;
  });
  return url;
}

async function checkReachable(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
  } catch (error) {
    throw new Fault(
      "unavailable",
      `The database that DATABASE_URL names does not answer: ${messageOf(error)}. Check host, port, name and password, or unset DATABASE_URL to use the embedded Postgres.`,
      { cause: error },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function startChildren(
  env: SupervisorEnv,
  databaseUrl: string,
  say: Say,
  stops: (() => Promise<void>)[],
): Promise<Child> {
  const keys = readOrMakeKeys(env.DATA_DIR);
  const childEnv: NodeJS.ProcessEnv = {
    NEXTAUTH_SECRET: keys.nextAuthSecret,
    INTERNAL_SECRET: keys.internalSecret,
    SECRETS_KEY: keys.secretsKey,
    NEXTAUTH_URL: consoleUrl(env),
    RUNTIME_URL: `http://127.0.0.1:${env.INTERNAL_PORT}`,
    ...inheritedEnvironment(),
    NODE_ENV: env.NODE_ENV,
    DATA_DIR: env.DATA_DIR,
    DATABASE_URL: databaseUrl,
  };
  const child = (name: string): Child =>
    new Child({
      name,
      script: join(root, `server/${name}/main.ts`),
      env: childEnv,
      // The console reloads by itself: Next does it.
      watches: env.NODE_ENV === "development" && name === "runtime",
      readyLine: `${name} ready`,
      say,
    });
  const runtime = child("runtime");
  const children = [runtime, child("console")];
  stops.push(async () => void (await Promise.all(children.map((one) => one.stop()))));
  say("starting runtime and console…");
  await Promise.all(children.map((one) => one.start()));
  return runtime;
}

function consoleUrl(env: SupervisorEnv): string {
  return env.NEXTAUTH_URL ?? `http://localhost:${env.PORT}`;
}

function functionsUrl(env: SupervisorEnv): string {
  return env.FUNCTIONS_DOMAIN === "localhost"
    ? `http://localhost:${env.GATEWAY_PORT}`
    : `https://*.${env.FUNCTIONS_DOMAIN}`;
}
