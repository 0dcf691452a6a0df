import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Db } from "#server/db/client.ts";
import { markDrained, recordUsage } from "#server/metering/ledger.ts";
import type { Log } from "#server/std/log.ts";
import type { JournalRecord } from "./journal-record.ts";
import { readBatch, type Position } from "./journal-reader.ts";
import { factOf, lostFact } from "./usage-facts.ts";

type Checkpoint = Extract<JournalRecord, { kind: "checkpoint" }>;

/** Ships what earlier lives left in their journals, then removes them. Calls that never ended are kept as lost, unbilled. */
export async function recoverJournals(journalsDir: string, db: Db, ownEpoch: bigint, log: Log): Promise<void> {
  const names = await readdir(journalsDir);
  const epochs = names.filter((name) => /^\d+$/.test(name) && BigInt(name) !== ownEpoch);
  for (const name of epochs) {
    const dir = join(journalsDir, name);
    const counts = await recoverOne(dir, db, BigInt(name));
    await markDrained(db, BigInt(name));
    await rm(dir, { recursive: true });
    log.info({ epoch: name, ...counts }, "an earlier life's journal is in the ledger");
  }
}

type Counts = { shipped: number; lost: number; damagedLines: number };

/** Each thread of that life had a journal of its own, in a folder of its own. */
async function recoverOne(dir: string, db: Db, epoch: bigint): Promise<Counts> {
  const counts = { shipped: 0, lost: 0, damagedLines: 0 };
  for (const name of await readdir(dir)) {
    const { shipped, lost, damagedLines } = await recoverJournal(join(dir, name), db, epoch);
    counts.shipped += shipped;
    counts.lost += lost;
    counts.damagedLines += damagedLines;
  }
  return counts;
}

async function recoverJournal(dir: string, db: Db, epoch: bigint): Promise<Counts> {
  const segments = (await readdir(dir)).flatMap((name) => (name.endsWith(".journal") ? Number.parseInt(name, 10) : []));
  segments.sort((a, b) => a - b);
  const open = new Map<number, Checkpoint>();
  const counts = { shipped: 0, lost: 0, damagedLines: 0 };
  for (const segment of segments) {
    let position: Position | undefined = { segment, offset: 0 };
    while (position) {
      const batch = await readBatch(dir, position);
      for (const record of batch.records) {
        if (record.kind === "checkpoint") open.set(record.seq, record);
        if (record.kind === "end") open.delete(record.seq);
      }
      counts.shipped += await recordUsage(
        db,
        batch.records.flatMap((record) => factOf(epoch, record) ?? []),
      );
      counts.damagedLines += batch.damagedLines;
      position = batch.atEnd ? undefined : batch.next;
    }
  }
  counts.lost = await recordUsage(
    db,
    [...open.values()].map((record) => lostFact(epoch, record)),
  );
  return counts;
}
