import { crc32 } from "node:zlib";
import { z } from "zod";
import { requestOutcome } from "#server/contract/usage.ts";

const count = z.number().int().nonnegative();

/** Whose usage a record is. */
const owner = { organizationId: z.string(), functionId: z.string(), versionId: z.string() };

const call = {
  ...owner,
  requestId: z.string(),
  atMs: count, // wall clock when the request came
  method: z.string(),
  path: z.string(),
  wallUs: count,
  cpuNs: count,
  ingressBytes: count,
  egressBytes: count,
  coldStart: z.boolean(),
};

/**
 * Where a call stands in a trace, for those calls whose spans are exported; ids are lower-case hex. `waitUs`: how long it
 * waited until an instance took it, left out when none did.
 */
export const traceRecord = z.object({
  traceId: z.string().length(32),
  spanId: z.string().length(16),
  parentId: z.string().length(16).optional(),
  waitUs: count.optional(),
});
export type TraceRecord = z.infer<typeof traceRecord>;

/**
 * What the journal holds. CHECKPOINT and END of one call carry the same seq, and each carries the call so far, whole: the
 * last one there is says all. A CHECKPOINT without END is a call that the platform lost. A START says that every call
 * up to its number has begun; calls that begin close together share one.
 */
export const journalRecord = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("start"), seq: count }),
  z.object({ kind: z.literal("checkpoint"), seq: count, ...call }),
  z.object({
    kind: z.literal("end"),
    seq: count,
    ...call,
    status: count,
    outcome: requestOutcome,
    /** How long it waited for a process that was still starting; left out when it found one that listened. */
    startUs: count.optional(),
    trace: traceRecord.optional(),
  }),
  /** CPU outside of any answer (waitUntil work, start-up and idle), and bytes that an instance sent out. */
  z.object({
    kind: z.enum(["after", "background", "unbilled"]),
    seq: count,
    ...owner,
    requestId: z.string().nullable(),
    atMs: count,
    cpuNs: count,
    egressBytes: count.default(0),
    outcome: z.string(),
  }),
]);
export type JournalRecord = z.input<typeof journalRecord>;
/** A call that is over. */
export type EndRecord = Extract<JournalRecord, { kind: "end" }>;

/** One line: CRC-32 of the text in eight hex digits, a blank, the record as JSON. */
export function encodeRecord(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`;
}

/** The record of a line, or undefined when the line is torn or damaged. */
export function decodeRecord(line: string): JournalRecord | undefined {
  const text = line.slice(9);
  if (line.charAt(8) !== " " || crc32(text).toString(16).padStart(8, "0") !== line.slice(0, 8)) return undefined;
  // A record of another version's form is no record either: told as damage, and never a reason to stop all shipping.
  return journalRecord.safeParse(JSON.parse(text)).data;
}
