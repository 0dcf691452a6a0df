import { execFile } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createLog } from "#server/std/log.ts";
import { decodeRecord, encodeRecord, type JournalRecord } from "./journal-record.ts";
import { readBatch } from "./journal-reader.ts";
import { Journal, segmentPath } from "./journal.ts";

const log = createLog("test", "silent");
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-journal-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

function record(seq: number, outcome = "ok"): JournalRecord {
  return {
    kind: "after",
    seq,
    organizationId: "org_1",
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: null,
    atMs: 1,
    cpuNs: 1,
    egressBytes: 0,
    outcome,
  };
}

test("what was appended is read back, whatever its texts hold", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: "binary" }), { maxLength: 20 }), async (texts) => {
      const records = texts.map((text, seq) => record(seq, text.toWellFormed()));
      expect(records.map((one) => decodeRecord(encodeRecord(one).trimEnd()))).toEqual(records);
    }),
  );
});

test("a record of which any one character was changed is not taken for a record", () => {
  const line = encodeRecord(record(7)).trimEnd();
  for (let at = 0; at < line.length; at += 1) {
    const changed = line.slice(0, at) + (line[at] === "1" ? "2" : "1") + line.slice(at + 1);
    expect(decodeRecord(changed), changed).toBeUndefined();
  }
});

test("a torn line at the end is left out, and what stands before it is not", async () => {
  const journal = new Journal({ dir: join(dir, "1"), first: 1, stride: 1 }, log);
  for (let seq = 1; seq <= 5; seq += 1) journal.append(record(seq));
  await journal.close();
  const path = segmentPath(journal.dir, 0);
  const whole = await readFile(path, "utf8");
  for (const cut of [1, 10, 60]) {
    await writeFile(path, whole.slice(0, -cut));
    const batch = await readBatch(journal.dir, { segment: 0, offset: 0 });
    expect(batch.records.map((one) => one.seq)).toEqual([1, 2, 3, 4]);
  }
  await writeFile(path, whole);
  await appendFile(path, "garbage that is no record\n");
  expect(await readBatch(journal.dir, { segment: 0, offset: 0 })).toMatchObject({ damagedLines: 1 });
});

test("on a full disk nothing is lost: records wait, and are written once each when there is room", async () => {
  const disk = join(dir, "disk");
  const { stdout } = await promisify(execFile)("bwrap", [
    "--bind",
    "/",
    "/",
    "--dev-bind",
    "/dev",
    "/dev",
    "--proc",
    "/proc",
    "--size",
    String(256 * 1024),
    "--tmpfs",
    disk,
    "--",
    process.execPath,
    join(import.meta.dirname, "test-full-disk.ts"),
    disk,
  ]);
  const told = z
    .object({ refusedAfter: z.number(), canWrite: z.boolean(), seqs: z.array(z.number()) })
    .parse(JSON.parse(stdout));
  expect(told.refusedAfter).toBeGreaterThan(100);
  expect(told.canWrite).toBe(true);
  expect(told.seqs).toEqual(Array.from({ length: told.refusedAfter + 1 }, (_, index) => index + 1));
});
