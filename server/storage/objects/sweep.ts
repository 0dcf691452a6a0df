import { DAY_MS, HOUR_MS } from "#server/std/clock.ts";
import type { BlobId } from "./blob-folder.ts";
import type { ObjectStore } from "./object-store.ts";

/** A write that is under way writes to its file, or has its row, well within this. */
const ORPHAN_AGE_MS = HOUR_MS;
const UPLOAD_AGE_MS = 7 * DAY_MS;
/** Of one sweep; the next goes on where this one stopped. */
const FILES_MAX = 20_000;
const UPLOADS_MAX = 20;
const ASK_AT_ONCE = 500;

export type SweepReport = { staleWrites: number; orphans: number; oldUploads: number };

/**
 * Removes what nobody will miss: writes whose process ended, blobs that no row names, and uploads that nobody completed in a week.
 * A sweep looks at a bounded number of files. It removes no blob of a folder that this database doesn't know: started by mistake
 * with an empty database, it would take them all for orphans.
 */
export class Sweeper {
  readonly #store: ObjectStore;
  #lastFolder = "";

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async sweep(): Promise<SweepReport | "foreign_folder"> {
    const { db, blobs, clock, folderId } = this.#store;
    const known = await db.contentFolder.findUnique({ where: { id: folderId }, select: { id: true } });
    if (!known) return "foreign_folder";
    const beforeMs = clock.nowMs() - ORPHAN_AGE_MS;
    return {
      staleWrites: await blobs.removeStaleIncoming(beforeMs),
      oldUploads: await this.#endOldUploads(),
      orphans: await this.#removeOrphans(beforeMs),
    };
  }

  async #endOldUploads(): Promise<number> {
    const { db, blobs, clock } = this.#store;
    const before = new Date(clock.nowMs() - UPLOAD_AGE_MS);
    const old = { completedAt: null, startedAt: { lt: before } };
    const uploads = await db.multipartUpload.findMany({ where: old, take: UPLOADS_MAX, select: { id: true } });
    for (const { id } of uploads) {
      const freed = await db.$transaction(async (tx) => {
        await tx.$executeRaw`SELECT 1 FROM multipart_upload WHERE id = ${id} FOR NO KEY UPDATE`;
        const parts = await tx.multipartPart.findMany({
          where: { uploadId: id, upload: old },
          select: { blobId: true },
        });
        const { count } = await tx.multipartUpload.deleteMany({ where: { id, ...old } });
        return count === 0 ? [] : parts.map(({ blobId }) => blobId);
      });
      await blobs.remove(freed);
    }
    return uploads.length;
  }

  async #removeOrphans(beforeMs: number): Promise<number> {
    const { blobs } = this.#store;
    const folders = await blobs.folders();
    const first = folders.findIndex((folder) => folder > this.#lastFolder);
    let looked = 0;
    let removed = 0;
    for (const folder of first < 0 ? folders : folders.slice(first)) {
      if (looked >= FILES_MAX) return removed;
      let asked: BlobId[] = [];
      for await (const { blobId, isOld } of blobs.blobsIn(folder, beforeMs)) {
        looked += 1;
        if (isOld) asked.push(blobId);
        if (asked.length < ASK_AT_ONCE) continue;
        removed += await this.#removeUnnamed(asked);
        asked = [];
      }
      removed += await this.#removeUnnamed(asked);
      this.#lastFolder = folder;
    }
    this.#lastFolder = "";
    return removed;
  }

  async #removeUnnamed(blobIds: BlobId[]): Promise<number> {
    if (blobIds.length === 0) return 0;
    const { db, blobs } = this.#store;
    const where = { blobId: { in: blobIds } };
    const [objects, parts] = await Promise.all([
      db.storedObject.findMany({ where, select: { blobId: true } }),
      db.multipartPart.findMany({ where, select: { blobId: true } }),
    ]);
    const named = new Set([...objects, ...parts].map(({ blobId }) => blobId));
    const unnamed = blobIds.filter((blobId) => !named.has(blobId));
    await blobs.remove(unnamed);
    return unnamed.length;
  }
}
