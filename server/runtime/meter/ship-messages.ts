import { z } from "zod";

/** What crosses between the gateway's thread and the shipper's. */
export const shipData = z.object({
  dir: z.string(),
  epoch: z.bigint(),
  databaseUrl: z.string(),
  logLevel: z.string(),
});
export type ShipData = z.infer<typeof shipData>;

/** `currentSegment` is the one being written when the order was given. */
export const shipOrder = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("written"), currentSegment: z.number() }),
  z.object({ kind: z.literal("stop"), currentSegment: z.number(), timeMsMax: z.number() }),
]);
export type ShipOrder = z.infer<typeof shipOrder>;

/** The last word: whether the ledger has all that was written. */
export const shipReport = z.object({ hasAll: z.boolean() });
export type ShipReport = z.infer<typeof shipReport>;
