import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { createLog } from "#server/std/log.ts";
import { Journal } from "./journal.ts";
import { readBatch } from "./journal-reader.ts";

/** A child of journal.test.ts, run on a file system of 256 KB: fills it, frees some, and reads back what was written. */
const disk = process.argv[2] ?? "";
const ballast = join(disk, "ballast");
writeFileSync(ballast, Buffer.alloc(128 * 1024));
const journal = new Journal({ dir: join(disk, "journal"), first: 1, stride: 1 }, createLog("test", "silent"));
const append = (): void =>
  journal.append({
    kind: "after",
    seq: journal.nextSeq(),
    organizationId: "org_1",
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: null,
    atMs: 1,
    cpuNs: 1,
    outcome: "x".repeat(200),
  });

while (journal.canWrite) append();
for (let more = 0; more < 20; more += 1) append(); // what is under way when the disk is full
const refusedAfter = journal.lastSeq;
rmSync(ballast);
const deadline = Date.now() + 10_000;
while (!journal.canWrite && Date.now() < deadline) await wait(50);
append();
await journal.close();
const { records } = await readBatch(journal.dir, { segment: 0, offset: 0 });
console.log(JSON.stringify({ refusedAfter, canWrite: journal.canWrite, seqs: records.map((record) => record.seq) }));
