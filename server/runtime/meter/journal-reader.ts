import { open } from "node:fs/promises";
import { decodeRecord, type JournalRecord } from "./journal-record.ts";
import { segmentPath } from "./journal.ts";

const CHUNK_BYTES_MAX = 1024 * 1024;

/** A place in a journal folder: which segment, and how far into it. */
export type Position = { segment: number; offset: number };

export type Batch = { records: JournalRecord[]; next: Position; damagedLines: number; atEnd: boolean };

/** Reads the whole lines that follow a position, 1 MB at most. A line that is still being written is left for later. */
export async function readBatch(dir: string, from: Position, bytesMax: number = CHUNK_BYTES_MAX): Promise<Batch> {
  const wanted = Math.min(bytesMax, CHUNK_BYTES_MAX);
  const chunk = await readChunk(segmentPath(dir, from.segment), from.offset, wanted);
  const end = chunk.lastIndexOf(0x0a) + 1;
  const batch: Batch = {
    records: [],
    next: { segment: from.segment, offset: from.offset + end },
    damagedLines: 0,
    atEnd: chunk.length < wanted,
  };
  for (const line of chunk.subarray(0, end).toString("utf8").split("\n")) {
    if (line === "") continue;
    const record = decodeRecord(line);
    if (record) batch.records.push(record);
    else batch.damagedLines += 1;
  }
  return batch;
}

async function readChunk(path: string, offset: number, bytes: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
