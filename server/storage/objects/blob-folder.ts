import { constants } from "node:fs";
import {
  mkdir,
  open,
  opendir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  unlink,
  writeFile,
  type FileHandle,
} from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "#server/std/fault.ts";
import { isId, newId, type Id } from "#server/std/id.ts";
import { BodyCheck, type CheckedBody, type IncomingBytes } from "./body-check.ts";
import { refusal } from "./refusal.ts";

/** What has to stay free: the database and the journal usually lie on the same disk, and they stop when it is full. */
const RESERVE_BYTES = 256 * 1024 * 1024;
/** How often a long body looks whether the disk still has room. */
const LOOK_EVERY_BYTES = 64 * 1024 * 1024;
/** The characters after a blob's prefix that name its folder: 1,024 of them. */
const FOLDER_CHARACTERS = 2;
const PREFIX_CHARACTERS = newId("blob").indexOf("_") + 1;

export type BlobId = Id<"blob">;

export type ReceivedBlob = CheckedBody & { blobId: BlobId };

/** Where a write is. A test ends its process at each. */
export type WriteStep = "began" | "received" | "synced" | "renamed" | "in_transaction" | "committed";

type BlobFolderOptions = { reserveBytes?: number; onStep?: (step: WriteStep) => void };

/**
 * Bytes under names that were never used before and never will be again: a blob is whole or not there, and nobody changes it.
 * A tenant's text is in no path. `incoming` holds what is being written, `blobs` what is complete.
 */
export class BlobFolder {
  readonly #root: string;
  readonly #reserveBytes: number;
  readonly onStep: (step: WriteStep) => void;

  private constructor(root: string, { reserveBytes = RESERVE_BYTES, onStep = () => undefined }: BlobFolderOptions) {
    this.#root = root;
    this.#reserveBytes = reserveBytes;
    this.onStep = onStep;
  }

  static async open(root: string, options: BlobFolderOptions = {}): Promise<BlobFolder> {
    const folder = new BlobFolder(root, options);
    await mkdir(folder.#incoming, { recursive: true, mode: 0o700 });
    await mkdir(folder.#blobs, { recursive: true, mode: 0o700 });
    return folder;
  }

  get #incoming(): string {
    return join(this.#root, "incoming");
  }

  get #blobs(): string {
    return join(this.#root, "blobs");
  }

  /**
   * Writes a body to a file of its own while hashing it, and makes it durable. Throws a refusal, and leaves nothing, when it is
   * not what was promised, too large, or the disk is full. The caller then names the blob in a row, or removes it.
   */
  async receive(body: IncomingBytes): Promise<ReceivedBlob> {
    const blobId = newId("blob");
    const path = join(this.#incoming, blobId);
    try {
      const received = await this.#write(path, body);
      this.onStep("synced");
      await this.#publish(path, blobId);
      this.onStep("renamed");
      return { blobId, ...received };
    } catch (error) {
      await rm(path, { force: true });
      throw isDiskFull(error) ? refusal("disk_full", { cause: error }) : error;
    }
  }

  async #write(path: string, body: IncomingBytes): Promise<CheckedBody> {
    await this.#checkRoom();
    const check = new BodyCheck(body);
    let lookAtBytes = LOOK_EVERY_BYTES;
    await using file = await open(path, "wx", 0o600);
    for await (const chunk of body.chunks) {
      check.update(chunk);
      await writeAll(file, chunk);
      if (check.sizeBytes === chunk.length) this.onStep("began");
      if (check.sizeBytes < lookAtBytes) continue;
      lookAtBytes += LOOK_EVERY_BYTES;
      await this.#checkRoom();
    }
    const checked = check.finish();
    this.onStep("received");
    await file.datasync();
    return checked;
  }

  /** After this a power cut takes neither the bytes nor the name. */
  async #publish(path: string, blobId: BlobId): Promise<void> {
    const folder = this.#folderOf(blobId);
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    await rename(path, join(folder, blobId));
    await syncFolder(folder);
    if (made !== undefined) await syncFolder(this.#blobs);
  }

  async #checkRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#root);
    if (bavail * bsize < this.#reserveBytes) throw refusal("disk_full");
  }

  /** Throws ENOENT when the blob was removed. Who has it open reads on, whatever is removed. */
  async openBlob(blobId: string): Promise<FileHandle> {
    if (!isId("blob", blobId)) throw new Error("not a blob's id");
    return open(join(this.#folderOf(blobId), blobId), constants.O_RDONLY);
  }

  /** Removes blobs that no row names any more. What can't be removed now is the sweeper's. */
  async remove(blobIds: readonly string[]): Promise<void> {
    for (const blobId of blobIds) {
      if (!isId("blob", blobId)) throw new Error("not a blob's id");
      await unlink(join(this.#folderOf(blobId), blobId)).catch(() => undefined);
    }
  }

  #folderOf(blobId: BlobId): string {
    return join(this.#blobs, blobId.slice(PREFIX_CHARACTERS, PREFIX_CHARACTERS + FOLDER_CHARACTERS));
  }

  /** Writes that began and did not end, last written to before a moment: their process is gone. Returns how many it removed. */
  async removeStaleIncoming(beforeMs: number): Promise<number> {
    let removed = 0;
    for await (const { name } of await opendir(this.#incoming)) {
      const path = join(this.#incoming, name);
      const found = await stat(path).catch(() => undefined);
      if (!found || found.mtimeMs >= beforeMs) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  /** The names of the folders of blobs, in order. */
  async folders(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of await opendir(this.#blobs)) names.push(name);
    return names.toSorted();
  }

  /** The blobs of one folder, with those that were written before a moment apart. */
  async *blobsIn(folder: string, beforeMs: number): AsyncGenerator<{ blobId: BlobId; isOld: boolean }> {
    for await (const { name } of await opendir(join(this.#blobs, folder))) {
      if (!isId("blob", name)) continue;
      const found = await stat(join(this.#blobs, folder, name)).catch(() => undefined);
      if (found) yield { blobId: name, isOld: found.mtimeMs < beforeMs };
    }
  }

  /** The folder's own id, written into it at first use. `fresh` is taken when it has none yet. */
  async identity(fresh: () => Promise<string>): Promise<string> {
    const path = join(this.#root, "folder-id");
    const read = () => readFile(path, "utf8").catch(() => undefined);
    const known = await read();
    if (known !== undefined && known !== "") return known;
    await writeFile(path, await fresh(), { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error; // Else another process was first.
    });
    return (await read()) ?? "";
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, at);
    at += bytesWritten;
  }
}

function isDiskFull(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOSPC" || errno === "EDQUOT" || errno === "EFBIG";
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, constants.O_RDONLY);
  await folder.sync();
}
