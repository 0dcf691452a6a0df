import { z } from "zod";

/** What the door's thread is started with, and what the two say to each other. */
export const doorData = z.object({
  port: z.number(),
  address: z.string(),
  domain: z.string(),
  dataDir: z.string(),
  databaseUrl: z.string(),
  secretsKey: z.string(),
  logLevel: z.string(),
});
export type DoorData = z.infer<typeof doorData>;

export const doorOrder = z.object({ kind: z.literal("drain"), timeMsMax: z.number() });
export type DoorOrder = z.infer<typeof doorOrder>;

export const doorWord = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listening") }),
  z.object({ kind: z.literal("failed"), code: z.string().nullable(), message: z.string() }),
]);
export type DoorWord = z.infer<typeof doorWord>;
