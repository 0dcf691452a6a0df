import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#server/std/fault.ts";
import { lockFile } from "#server/std/file-lock.ts";

const ASK_EVERY_MS = 200;

export type JournalHold = { dir: string; held: Promise<void>; release(): void };

/**
 * Journals have one owner: recovery removes those of lives that are over, and must never take a living one for such. A
 * runtime that takes over from another serves at once, and owns the journals when the other has ended.
 */
export function holdJournals(
  dir: string,
  { DATA_DIR, TAKE_OVER }: { DATA_DIR: string; TAKE_OVER: boolean },
): JournalHold {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, "lock");
  let lock = lockFile(path);
  if (!lock && !TAKE_OVER)
    throw new Fault("conflict", `Another runtime uses ${DATA_DIR}. Stop it, or set DATA_DIR to another folder.`);
  let timer: NodeJS.Timeout | undefined;
  const held = new Promise<void>((resolve) => {
    if (lock) return resolve();
    timer = setInterval(() => {
      lock ??= lockFile(path);
      if (!lock) return;
      clearInterval(timer);
      resolve();
    }, ASK_EVERY_MS);
  });
  return {
    dir,
    held,
    release() {
      clearInterval(timer);
      lock?.release();
    },
  };
}
