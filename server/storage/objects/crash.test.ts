import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HOUR_MS } from "#server/std/clock.ts";
import type { WriteStep } from "./blob-folder.ts";
import { createUpload, putPart } from "./multipart.ts";
import type { BucketAddress } from "./object-head.ts";
import { Sweeper } from "./sweep.ts";
import { bytes, plain, testStore, type TestStore } from "./test-store.ts";

const NEW = "new ".repeat((8 * 64 * 1024) / 4);

async function killAt(at: TestStore, of: BucketAddress, args: string[]): Promise<NodeJS.Signals | null> {
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "test-writer-process.ts"),
      at.dataDir,
      at.database.url,
      of.organizationId,
      of.bucketId,
      ...args,
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const [, signal]: [number | null, NodeJS.Signals | null] = await once(child, "exit").then(([code, signal]) => [
    code,
    signal,
  ]);
  return signal;
}

/** What a sweep leaves once everything that may be swept is old enough. */
async function sweptFiles(at: TestStore): Promise<string[]> {
  at.advance(2 * HOUR_MS);
  expect(await new Sweeper(at.store).sweep()).not.toBe("foreign_folder");
  return at.files();
}

const steps: WriteStep[] = ["began", "received", "synced", "renamed", "in_transaction", "committed"];

test.each(steps)(
  "a writer killed at the step %s leaves the old object or the new one, whole, and after a sweep one file",
  async (step) => {
    await using at = await testStore({ reserveBytes: 0 });
    const of = await at.bucket();
    await at.put(of, "victim", "old");
    expect(await killAt(at, of, ["put", step])).toBe("SIGKILL");
    const isCommitted = step === "committed";
    expect(await at.get(of, "victim")).toBe(isCommitted ? NEW : "old");
    const { storedBytes, objectCount } = await at.database.db.bucket.findUniqueOrThrow({
      where: { id: of.bucketId },
      select: { storedBytes: true, objectCount: true },
    });
    expect({ storedBytes, objectCount }).toEqual({
      storedBytes: BigInt(isCommitted ? NEW.length : 3),
      objectCount: 1n,
    });
    expect(await at.files()).toHaveLength(2);
    expect(await sweptFiles(at)).toHaveLength(1);
    expect(await at.get(of, "victim")).toBe(isCommitted ? NEW : "old");
  },
);

test.each(steps)(
  "a part's writer killed at the step %s leaves the part or nothing, and after a sweep no other file",
  async (step) => {
    await using at = await testStore({ reserveBytes: 0 });
    const of = { ...(await at.bucket()), key: "victim" };
    const { uploadId } = await createUpload(at.store, { ...of, ...plain, checksum: null });
    expect(await killAt(at, of, ["part", step, uploadId])).toBe("SIGKILL");
    const parts = await at.database.db.multipartPart.count();
    expect(parts).toBe(step === "committed" ? 1 : 0);
    expect(await sweptFiles(at)).toHaveLength(parts);
  },
);

test.each(["in_transaction", "committed"])(
  "a deletion or a completion killed at the step %s is done as a whole or not at all",
  async (step) => {
    await using at = await testStore({ reserveBytes: 0 });
    const of = { ...(await at.bucket()), key: "victim" };
    await at.put(of, "victim", "old");
    const { uploadId } = await createUpload(at.store, { ...of, ...plain, checksum: null });
    const { etag } = await putPart(at.store, { ...of, uploadId, number: 1 }, bytes("part"));
    expect(await killAt(at, of, ["complete", step, uploadId, etag])).toBe("SIGKILL");
    expect(await at.get(of, "victim")).toBe(step === "committed" ? "part" : "old");
    expect(await sweptFiles(at)).toHaveLength(step === "committed" ? 1 : 2);
    expect(await killAt(at, of, ["delete", step])).toBe("SIGKILL");
    expect(await at.database.db.storedObject.count()).toBe(step === "committed" ? 0 : 1);
    expect(await sweptFiles(at)).toHaveLength(step === "committed" ? 0 : 2);
  },
);

test("a sweep leaves alone what is young, and every file when the database is not the folder's own", async () => {
  await using at = await testStore();
  await using other = await testStore();
  const of = await at.bucket();
  await at.put(of, "a", "named");
  const { blobId } = await at.store.blobs.receive(bytes("orphan"));
  expect(await new Sweeper(at.store).sweep()).toMatchObject({ orphans: 0 });
  const strange = new Sweeper({ ...at.store, db: other.database.db });
  at.advance(2 * HOUR_MS);
  expect(await strange.sweep()).toBe("foreign_folder");
  expect(await at.files()).toHaveLength(2);
  expect(await new Sweeper(at.store).sweep()).toMatchObject({ orphans: 1 });
  expect(await at.files()).not.toContain(blobId);
  expect(await at.get(of, "a")).toBe("named");
});

test("an upload that nobody completed in a week is ended, and its parts go; a finished one stays", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a" };
  const { uploadId } = await createUpload(at.store, { ...of, ...plain, checksum: null });
  await putPart(at.store, { ...of, uploadId, number: 1 }, bytes("x"));
  at.advance(6 * 24 * HOUR_MS);
  expect(await new Sweeper(at.store).sweep()).toMatchObject({ oldUploads: 0 });
  expect(await at.files()).toHaveLength(1);
  at.advance(25 * HOUR_MS);
  expect(await new Sweeper(at.store).sweep()).toMatchObject({ oldUploads: 1 });
  expect(await at.files()).toEqual([]);
  await expect(putPart(at.store, { ...of, uploadId, number: 2 }, bytes("x"))).rejects.toThrow("no such upload");
  expect(await at.files()).toEqual([]);
});
