import { z } from "zod";
import { callReport, telemetrySettings } from "#server/runtime/telemetry/call-watch.ts";

const position = z.object({ segment: z.number(), offset: z.number() });
/** For each journal, how far its calls have been told of. */
const seenTo = z.array(position.nullable());

/** What crosses between the main thread and the shipper's. */
export const shipData = z.object({
  /** One a thread that writes; orders name them by their place in this list. */
  dirs: z.array(z.string()),
  epoch: z.bigint(),
  databaseUrl: z.string(),
  logLevel: z.string(),
  telemetry: telemetrySettings,
  /** As an earlier thread of this life left it. */
  seenTo,
});
export type ShipData = z.infer<typeof shipData>;

/** For each journal, the segment that is being written when the order is given. */
const currentSegments = z.array(z.number());

export const shipOrder = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("written"), currentSegments }),
  z.object({ kind: z.literal("stop"), currentSegments, timeMsMax: z.number() }),
]);
export type ShipOrder = z.infer<typeof shipOrder>;

/** How far the ledger is behind: the greatest number in it, and the last moment at which nothing was missing. */
export const shipProgress = z.object({ shippedSeq: z.number(), shippedAtMs: z.number() });
export type ShipProgress = z.infer<typeof shipProgress>;

/** `progress` comes a few times a second at most; `stopped` is the last word: whether the ledger has all that was written. */
export const shipReport = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("progress"), seenTo, ship: shipProgress, calls: callReport }),
  z.object({ kind: z.literal("stopped"), hasAll: z.boolean() }),
]);
export type ShipReport = z.infer<typeof shipReport>;
