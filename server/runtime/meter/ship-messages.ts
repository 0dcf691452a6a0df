import { z } from "zod";

/** What crosses between the main thread and the shipper's. */
export const shipData = z.object({
  /** One a thread that writes; orders name them by their place in this list. */
  dirs: z.array(z.string()),
  epoch: z.bigint(),
  databaseUrl: z.string(),
  logLevel: z.string(),
});
export type ShipData = z.infer<typeof shipData>;

/** For each journal, the segment that is being written when the order is given. */
const currentSegments = z.array(z.number());

export const shipOrder = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("written"), currentSegments }),
  z.object({ kind: z.literal("stop"), currentSegments, timeMsMax: z.number() }),
]);
export type ShipOrder = z.infer<typeof shipOrder>;

/** The last word: whether the ledger has all that was written. */
export const shipReport = z.object({ hasAll: z.boolean() });
export type ShipReport = z.infer<typeof shipReport>;
