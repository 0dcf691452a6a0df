import { z } from "zod";
import { functionLimits } from "#server/contract/limits.ts";
import { logLevel } from "#server/contract/usage.ts";

/**
 * What crosses between the supervisor of instances (the main thread) and the gateway's threads. None of it is on the path
 * of a call that finds its function and an instance with room: those are in the thread's memory, and the places of
 * instances in memory that all share.
 */
const memory = z.instanceof(SharedArrayBuffer);

/** What a gateway's thread is started with. */
export const threadData = z.object({
  threads: z.number(),
  port: z.number(),
  address: z.string(),
  functionsDomain: z.string(),
  logLevel: z.string(),
  journal: z.object({ dir: z.string(), first: z.number(), stride: z.number() }),
  /** Which calls are traced (gateway/tracing.ts). */
  tracing: z.object({ sampleRatio: z.number(), trustsCallers: z.boolean(), perSecondMax: z.number() }),
  /** Where it tells how late its event loop is (telemetry/event-loop-lag.ts). */
  lag: memory,
  /** Where it counts what it turns away (turned-away.ts); all threads have the same. */
  turnedAway: memory,
});
export type ThreadData = z.infer<typeof threadData>;

/** A version as the gateway knows it: whose it is, and what it may use. */
export const servedVersion = z.object({
  versionId: z.string(),
  functionId: z.string(),
  organizationId: z.string(),
  number: z.number(),
  limits: functionLimits,
});
export type ServedVersion = z.infer<typeof servedVersion>;

/** Who answers for a name. */
export const route = z.object({
  functionId: z.string(),
  /** Set when the organization may use nothing more, with the reason for people. */
  stoppedBecause: z.string().nullable(),
  shares: z.array(z.object({ version: servedVersion, percent: z.number() })).min(1),
  organizationId: z.string(),
  /** What is left of the organization's lease, for all threads (meter/lease-account.ts). */
  lease: memory,
  /** Counts the function's calls a second, for all threads (gateway/rate.ts). */
  rate: memory,
});
export type Route = z.infer<typeof route>;

/** An instance to which calls may be sent. */
export const instanceNotice = z.object({
  instanceId: z.string(),
  versionId: z.string(),
  pid: z.number(),
  socketPath: z.string(),
  connectionsMax: z.number(),
  account: memory,
});
export type InstanceNotice = z.infer<typeof instanceNotice>;

const failure = z.object({
  outcome: z.enum(["cpu_limit", "memory_limit", "function_crashed", "platform_failed"]),
  message: z.string(),
});

const entry = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("entered"), instanceId: z.string(), place: z.number(), isColdStart: z.boolean() }),
  z.object({ kind: z.enum(["too_many_concurrent", "overloaded", "no_sandbox"]) }),
]);
export type Entry = z.infer<typeof entry>;

const quantities = z.object({ requests: z.number(), cpuNs: z.number(), egressBytes: z.number() });

const leaseOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("granted") }),
  z.object({ kind: z.literal("refused"), reason: z.string(), isReserved: z.boolean() }),
  z.object({ kind: z.literal("unavailable") }),
]);

/** From the supervisor. Answers carry the number of the question. */
export const orderToThread = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("found"), id: z.number(), route: route.nullable() }),
  z.object({ kind: z.literal("entry"), id: z.number(), entry }),
  z.object({ kind: z.literal("failure"), id: z.number(), failure }),
  z.object({ kind: z.literal("lease"), id: z.number(), outcome: leaseOutcome }),
  z.object({ kind: z.literal("health"), id: z.number(), status: z.number(), body: z.string() }),
  z.object({ kind: z.literal("instance"), instance: instanceNotice }),
  z.object({ kind: z.literal("gone"), instanceId: z.string() }),
  /** What is still open in it ends: WebSockets by a going-away frame, streams by a cut. */
  z.object({ kind: z.literal("expire"), instanceId: z.string() }),
  /** These names may lead elsewhere now; to be confirmed, so that a deploy that is done is seen by every later call. */
  z.object({ kind: z.literal("forget"), id: z.number(), labels: z.array(z.string()).nullable() }),
  z.object({ kind: z.literal("drain"), timeMsMax: z.number() }),
  z.object({ kind: z.literal("end"), timeMsMax: z.number() }),
]);
export type OrderToThread = z.infer<typeof orderToThread>;

/** From a gateway's thread. */
export const wordFromThread = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listening") }),
  z.object({ kind: z.literal("failed"), code: z.string().nullable(), message: z.string() }),
  z.object({ kind: z.literal("find"), id: z.number(), label: z.string() }),
  z.object({
    kind: z.literal("enter"),
    id: z.number(),
    versionId: z.string(),
    functionId: z.string(),
    key: z.object({ a: z.number(), b: z.number() }),
  }),
  z.object({ kind: z.literal("whyBroken"), id: z.number(), instanceId: z.string() }),
  z.object({ kind: z.literal("lease"), id: z.number(), organizationId: z.string(), least: quantities }),
  z.object({ kind: z.literal("health"), id: z.number(), path: z.string() }),
  z.object({ kind: z.literal("released"), instanceId: z.string() }),
  z.object({ kind: z.literal("forgot"), id: z.number() }),
  z.object({ kind: z.literal("written"), currentSegment: z.number(), lastSeq: z.number() }),
  z.object({ kind: z.literal("canWrite"), canWrite: z.boolean() }),
  z.object({
    kind: z.literal("notice"),
    version: z.object({ organizationId: z.string(), functionId: z.string(), versionId: z.string() }),
    line: z.object({ requestId: z.string().nullable(), atMs: z.number(), level: logLevel, message: z.string() }),
  }),
  z.object({ kind: z.literal("drained") }),
  z.object({ kind: z.literal("ended") }),
]);
export type WordFromThread = z.infer<typeof wordFromThread>;
