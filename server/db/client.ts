import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { PrismaClient } from "./generated/client.ts";

export type Db = PrismaClient;
/** What both a client and an open transaction can do. */
export type Tx = Parameters<Parameters<PrismaClient["$transaction"]>[0]>[0];

/** Postgres says first that it has given up; one that says nothing at all is not waited for. */
const UNHEARD_MS = 1_000;

/** Kept on the client itself: Next instantiates this module once a bundle, and hands clients from one to the other. */
const POOL = Symbol.for("sluice.pool");

/**
 * A Prisma client on a pool of its own. Connects at first use; end it with `$disconnect()`. With `answerMsMax`, whatever
 * waits for longer on Postgres fails, and Postgres gives it up too.
 */
export function connect(
  databaseUrl: string,
  { connectionsMax = 10, answerMsMax }: { connectionsMax?: number; answerMsMax?: number } = {},
): Db {
  const bounds =
    answerMsMax === undefined
      ? {}
      : {
          statement_timeout: answerMsMax,
          query_timeout: answerMsMax + UNHEARD_MS,
          connectionTimeoutMillis: answerMsMax,
        };
  const pool = new Pool({ connectionString: databaseUrl, max: connectionsMax, ...bounds });
  // The pool replaces an idle connection that broke; with nobody listening, its error would end the process.
  pool.on("error", () => undefined);
  const db = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
  Object.defineProperty(db, POOL, { value: pool });
  return db;
}

/**
 * The pool under a client, for the few statements that are hot: a named statement is planned once a connection instead of
 * at each call, and parameters do not take Prisma's way through JSON, which costs more than Postgres's own work.
 */
export function poolOf(db: Db): Pool {
  const pool: unknown = Reflect.get(db, POOL);
  if (!(pool instanceof Pool)) throw new Error("this client was not made by connect()");
  return pool;
}

/** Ends a client. Where only its pool was used, Prisma knows of nothing that it would have to end. */
export async function disconnect(db: Db): Promise<void> {
  await db.$disconnect();
  const pool = poolOf(db);
  if (!pool.ending) await pool.end();
}
