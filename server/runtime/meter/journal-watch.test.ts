import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "#server/std/log.ts";
import type { Position } from "./journal-reader.ts";
import { JournalWatch, watchDuring, type JournalView } from "./journal-watch.ts";
import { Journal } from "./journal.ts";

const log = createLog("test", "silent");
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-watch-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** With 20 KB a record, a segment of 16 MB is full after some 800, and a batch of 1 MB holds about 50. */
function append(journal: Journal, records: number): void {
  for (let record = 0; record < records; record += 1)
    journal.append({
      kind: "after",
      seq: journal.nextSeq(),
      organizationId: "org_1",
      functionId: "fn_1",
      versionId: "ver_1",
      requestId: null,
      atMs: 1,
      cpuNs: 1,
      outcome: "x".repeat(20_000),
    });
}

/** As the shipper reads: batch by batch, on to the next segment once one is complete. */
async function readOn(
  watch: JournalWatch,
  journal: Journal,
  from: Position,
): Promise<{ next: Position; seqs: number[] }> {
  const { currentSegment } = journal;
  const batch = await watch.read(from);
  const isComplete = batch.atEnd && from.segment < currentSegment;
  const seqs = batch.records.map((record) => record.seq);
  return { next: isComplete ? { segment: from.segment + 1, offset: 0 } : batch.next, seqs };
}

test("however the shipper falls behind and catches up, each record is seen once and in order, and shipped once as well", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), records: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ kind: fc.constant("ship" as const) }),
    fc.record({ kind: fc.constant("stuck" as const) }),
  );
  let life = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const journal = new Journal({ dir: join(dir, String((life += 1))), first: 1, stride: 1 }, log);
      const view: JournalView = journal;
      const seen: number[] = [];
      const shipped: number[] = [];
      const watch = new JournalWatch(view, (records) => seen.push(...records.map((record) => record.seq)));
      let from: Position = { segment: 0, offset: 0 };
      const ship = async (): Promise<void> => {
        const { next, seqs } = await readOn(watch, journal, from);
        from = next;
        shipped.push(...seqs);
      };
      await ship();
      for (const one of steps) {
        if (one.kind === "write") append(journal, one.records);
        if (one.kind === "ship") await ship();
        if (one.kind === "stuck") await watchDuring([watch], new Promise((resolve) => setTimeout(resolve, 520)));
      }
      const all = Array.from({ length: journal.lastSeq }, (_, at) => at + 1);
      await expect.poll(() => ship().then(() => shipped.length), { interval: 1, timeout: 10_000 }).toBe(all.length);
      await journal.close();
      expect(seen).toEqual(all);
      expect(shipped).toEqual(all);
    }),
    { numRuns: 12 },
  );
}, 120_000);

test("while the ledger keeps the shipper waiting, what happens is seen all the same", async () => {
  const journal = new Journal({ dir: join(dir, "1"), first: 1, stride: 1 }, log);
  const seen: number[] = [];
  const watch = new JournalWatch(journal, (records) => seen.push(...records.map((record) => record.seq)));
  await watch.read({ segment: 0, offset: 0 });
  let release: (() => void) | undefined;
  const stuck = watchDuring([watch], new Promise<void>((resolve) => (release = resolve)));
  append(journal, 1_000); // over the turn of a segment
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1_000);
  expect(journal.currentSegment).toBeGreaterThan(0);
  release?.();
  await stuck;
  await journal.close();
});

test("a thread that takes over goes on where the one before it stood", async () => {
  const journal = new Journal({ dir: join(dir, "1"), first: 1, stride: 1 }, log);
  append(journal, 10);
  const first = new JournalWatch(journal, () => undefined);
  await first.read({ segment: 0, offset: 0 });
  append(journal, 5);
  const seen: number[] = [];
  const second = new JournalWatch(
    journal,
    (records) => seen.push(...records.map((record) => record.seq)),
    first.seenTo,
  );
  const again = await second.read({ segment: 0, offset: 0 });
  expect(again.records).toHaveLength(10);
  await second.read(again.next);
  await journal.close();
  expect(seen).toEqual([11, 12, 13, 14, 15]);
});

test("work that fails is told as its own failure", async () => {
  const journal = new Journal({ dir: join(dir, "1"), first: 1, stride: 1 }, log);
  const watch = new JournalWatch(journal, () => undefined);
  await expect(watchDuring([watch], Promise.reject(new Error("Postgres is away")))).rejects.toThrow("Postgres is away");
  await journal.close();
});
