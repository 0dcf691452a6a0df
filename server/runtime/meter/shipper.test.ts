import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import { beginEpoch } from "#server/metering/ledger.ts";
import { createLog } from "#server/std/log.ts";
import { Journal } from "./journal.ts";
import { Shipping } from "./shipping.ts";

const telemetry = { region: "test", requestLog: null, otlp: null };

/** Twice over a segment's 16 MB. */
const RECORDS = 60_000;
const RECORDS_PER_TURN = 500;

test("what is written while it ships, over the turn of segments, is in the ledger once; shipped segments are gone", async () => {
  await using database = await testDatabase();
  const dir = await mkdtemp(join(tmpdir(), "sluice-shipper-"));
  const log = createLog("test", "silent");
  const epoch = await beginEpoch(database.db, { node: "test", region: "test" });
  const journal = new Journal({ dir: join(dir, String(epoch), "0"), first: 1, stride: 1 }, log);
  const shipping = new Shipping(
    { dirs: [journal.dir], epoch, databaseUrl: database.url, logLevel: "silent", telemetry },
    log,
  );
  journal.onWritten = () => shipping.written(0, journal.currentSegment);
  for (let record = 0; record < RECORDS; record += 1) {
    journal.append({
      kind: "after",
      seq: journal.nextSeq(),
      organizationId: "org_1",
      functionId: "fn_1",
      versionId: "ver_1",
      requestId: null,
      atMs: Date.parse("2026-11-24T10:00:00Z"),
      cpuNs: 1,
      outcome: "x".repeat(400),
    });
    if (record % RECORDS_PER_TURN === 0) await turn();
  }
  expect(journal.currentSegment).toBeGreaterThanOrEqual(2);
  await journal.close();
  expect(await shipping.stop(50_000)).toBe(true);
  expect(await database.db.usageEvent.count()).toBe(RECORDS);
  const hours = await database.db.usageHour.aggregate({ _sum: { cpuNs: true } });
  expect(hours._sum.cpuNs).toBe(BigInt(RECORDS));
  expect(await readdir(journal.dir)).toHaveLength(1);
  await rm(dir, { recursive: true });
});
