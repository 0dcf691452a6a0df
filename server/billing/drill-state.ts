import { z } from "zod";
import type { Db, Tx } from "#server/db/client.ts";

/** Numbers beyond 2^53 and amounts of money are texts in the database's JSON. */
const bigintText = z.codec(z.string().regex(/^-?\d+$/), z.bigint(), { decode: BigInt, encode: String });
const count = z.number().int().min(0);

const counts = z.object({
  made: count,
  answered: count,
  /** With 402, because the cap has no room. */
  refused: count,
  /** By what they were: "429 rate_limited", "no answer". */
  other: z.record(z.string(), count),
});

const usage = z.object({ requests: bigintText, cpuNs: bigintText, egressBytes: bigintText });

const terms = z.object({
  capCents: bigintText,
  calls: count,
  concurrency: count,
  /** How many requests alone come to the cap. */
  requestsPaid: bigintText,
  priceVersion: count,
});

/** Amounts are picocents. */
const report = z.object({
  counts,
  used: usage,
  spent: bigintText,
  /** Of spent and reserved together, at any look. */
  highest: bigintText,
  passedBy: bigintText,
  looks: count,
  /** Answers that the ledger did not have when the drill stopped waiting for it. */
  unrecorded: count,
  floodMs: count,
});

const stage = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("running"),
    phase: z.enum(["flooding", "settling"]),
    counts,
    spent: bigintText,
    highest: bigintText,
  }),
  z.object({ kind: z.literal("done"), report }),
  z.object({ kind: z.literal("failed"), message: z.string() }),
]);

/** What a row of flood_drill says of its drill. */
export const drillState = z.object({ terms, stage });
export type DrillState = z.output<typeof drillState>;
export type DrillStage = z.output<typeof stage>;
export type DrillReport = z.output<typeof report>;
export type FloodCounts = z.output<typeof counts>;

export const noCounts: FloodCounts = { made: 0, answered: 0, refused: 0, other: {} };

/** Takes a drill from one stage to the next. With `endedAt`, it is over. */
export function writeStage(
  db: Db | Tx,
  drill: { id: string; terms: DrillState["terms"] },
  stage: DrillStage,
  endedAt: Date | null = null,
): Promise<{ id: string }> {
  return db.floodDrill.update({
    where: { id: drill.id },
    data: { state: z.encode(drillState, { terms: drill.terms, stage }), endedAt },
    select: { id: true },
  });
}
