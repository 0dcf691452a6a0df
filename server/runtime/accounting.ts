import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { connect, type Db } from "#server/db/client.ts";
import type { RuntimeEnv } from "#server/env.ts";
import { beginEpoch, markDrained } from "#server/metering/ledger.ts";
import { databaseNow, keepLogDays } from "#server/metering/log-days.ts";
import { HOUR_MS, systemClock } from "#server/std/clock.ts";
import type { Log } from "#server/std/log.ts";
import type { ThreadEvents } from "./gateway/gateway-threads.ts";
import type { InstanceParts } from "./instances/instance.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { Journal } from "./meter/journal.ts";
import type { JournalHold } from "./meter/journal-lock.ts";
import { Journals } from "./meter/journals.ts";
import { LeaseBook } from "./meter/lease-book.ts";
import { recoverJournals } from "./meter/recovery.ts";
import { Shipping } from "./meter/shipping.ts";
import { telemetryOf } from "./telemetry/settings.ts";

const SHIP_MS_MAX = 10_000;

/** All that this life counts and what functions print, on its way to Postgres. */
export class Accounting {
  readonly db: Db;
  readonly epoch: bigint;
  readonly journals: Journals;
  /** The main thread's. */
  readonly journal: Journal;
  readonly shipping: Shipping;
  readonly leases: LeaseBook;
  readonly logs: LogShipper;
  readonly #log: Log;
  readonly #pruning: NodeJS.Timeout;

  private constructor(parts: { db: Db; epoch: bigint; journals: Journals; env: RuntimeEnv; log: Log }) {
    const { db, epoch, journals, env, log } = parts;
    this.db = db;
    this.epoch = epoch;
    this.journals = journals;
    this.#log = log;
    const { DATABASE_URL: databaseUrl, LOG_LEVEL: logLevel } = env;
    this.shipping = new Shipping(
      { dirs: journals.dirs, epoch, databaseUrl, logLevel, telemetry: telemetryOf(env) },
      log,
    );
    this.journal = new Journal(journals.place(0), log);
    this.journal.onWritten = () => this.shipping.written(0, this.journal.currentSegment);
    this.journal.onCanWrite = (canWrite) => journals.allows(0, canWrite);
    this.leases = new LeaseBook(db, epoch, log);
    this.logs = new LogShipper({ db, epoch, log, clock: systemClock });
    void this.#keepLogDays();
    this.#pruning = setInterval(() => void this.#keepLogDays(), HOUR_MS);
  }

  /** Begins an epoch, with a journal for the main thread and each of `threads`; what earlier lives left is shipped meanwhile. */
  static async open(env: RuntimeEnv, threads: number, hold: JournalHold, log: Log): Promise<Accounting> {
    const db = connect(env.DATABASE_URL, { connectionsMax: 5 });
    const epoch = await beginEpoch(db, { node: hostname(), region: env.REGION });
    const journals = new Journals(join(hold.dir, String(epoch)), threads);
    void hold.held.then(() => recover(hold.dir, db, epoch, log));
    return new Accounting({ db, epoch, journals, env, log });
  }

  /** What instances write and print goes to the main thread's journal, and to the logs. */
  instanceParts(): InstanceParts {
    return {
      journal: this.journal,
      onLine: ({ organizationId, functionId, versionId }, line) =>
        this.logs.add({ ...line, organizationId, functionId, versionId }),
      leaseOf: (organizationId) => ({
        account: this.leases.account(organizationId),
        ensure: (least) => this.leases.ensure(organizationId, least),
      }),
    };
  }

  /** What the gateway's threads say of their journals, and of limits that calls met. */
  threadEvents(): Omit<ThreadEvents, "died"> {
    return {
      written: (thread, currentSegment, lastSeq) => {
        this.journals.wrote(lastSeq);
        this.shipping.written(thread + 1, currentSegment);
      },
      canWrite: (thread, canWrite) => this.journals.allows(thread + 1, canWrite),
      notice: (owner, line) => this.logs.add({ ...line, ...owner }),
    };
  }

  /** The last records are written: ships them, and leaves nothing behind when that succeeds. */
  async close(): Promise<void> {
    clearInterval(this.#pruning);
    await this.leases.close();
    await this.journal.close();
    await this.logs.stop();
    if (await this.shipping.stop(SHIP_MS_MAX)) await this.#finishEpoch();
    await this.db.$disconnect();
  }

  async #finishEpoch(): Promise<void> {
    try {
      await markDrained(this.db, this.epoch);
      await rm(this.journals.dir, { recursive: true, force: true });
    } catch (error) {
      this.#log.warn({ err: error }, "Postgres is away: the next start finishes this life's journal");
    }
  }

  /** Days of log lines: makes those to come, and drops those that are over. */
  async #keepLogDays(): Promise<void> {
    try {
      const dropped = await keepLogDays(this.db, await databaseNow(this.db));
      if (dropped.length > 0) this.#log.info({ dropped }, "days of log lines are over, and dropped");
    } catch (error) {
      this.#log.warn({ err: error }, "days of log lines could not be made or dropped; tried again in an hour");
    }
  }
}

async function recover(journalsDir: string, db: Db, epoch: bigint, log: Log): Promise<void> {
  try {
    await recoverJournals(journalsDir, db, epoch, log);
  } catch (error) {
    log.error({ err: error }, "an earlier life's journal could not be shipped; the next start tries again");
  }
}
