import { z } from "zod";

const KB = 1024;
const MB = 1024 * KB;

/** As the database has them, which this room may not import: server/functions/limits.ts holds that they agree. */
export const planName = z.enum(["free", "pro"]);
export type PlanName = z.infer<typeof planName>;

export const limitName = z.enum([
  "cpuMsMax",
  "wallMsMax",
  "memoryMbMax",
  "requestBodyBytesMax",
  "concurrencyPerInstanceMax",
  "instancesMax",
  "requestsPerSecondMax",
  "subRequestsMax",
  "logBytesMax",
]);
export type LimitName = z.infer<typeof limitName>;

/** What one version may use. Written into the version, obeyed by the runtime. */
export type FunctionLimits = Record<LimitName, number>;

/** Below these a function could not work at all, whatever its owner wishes. */
export const limitFloors: FunctionLimits = {
  cpuMsMax: 10,
  wallMsMax: 100,
  memoryMbMax: 32,
  requestBodyBytesMax: 0,
  concurrencyPerInstanceMax: 1,
  instancesMax: 1,
  requestsPerSecondMax: 1,
  subRequestsMax: 0,
  logBytesMax: 1 * KB,
};

/** What holds where nobody wished otherwise. CPU is small on Free: the worst case of a call is reserved before it starts. */
export const defaultLimits: Record<PlanName, FunctionLimits> = {
  free: {
    cpuMsMax: 1_000,
    wallMsMax: 30_000,
    memoryMbMax: 128,
    requestBodyBytesMax: 100 * MB,
    concurrencyPerInstanceMax: 50,
    instancesMax: 3,
    requestsPerSecondMax: 1_000,
    subRequestsMax: 50,
    logBytesMax: 64 * KB,
  },
  pro: {
    cpuMsMax: 30_000,
    wallMsMax: 30_000,
    memoryMbMax: 128,
    requestBodyBytesMax: 100 * MB,
    concurrencyPerInstanceMax: 50,
    instancesMax: 10,
    requestsPerSecondMax: 10_000,
    subRequestsMax: 50,
    logBytesMax: 64 * KB,
  },
};

/** The most that may be wished. Pro's are the most that there is: no other plan may go above them. */
export const limitCeilings: Record<PlanName, FunctionLimits> = {
  free: {
    cpuMsMax: 10_000,
    wallMsMax: 60_000,
    memoryMbMax: 256,
    requestBodyBytesMax: 100 * MB,
    concurrencyPerInstanceMax: 100,
    instancesMax: 5,
    requestsPerSecondMax: 1_000,
    subRequestsMax: 50,
    logBytesMax: 128 * KB,
  },
  pro: {
    cpuMsMax: 300_000,
    wallMsMax: 900_000,
    memoryMbMax: 1_024,
    requestBodyBytesMax: 500 * MB,
    concurrencyPerInstanceMax: 500,
    instancesMax: 100,
    requestsPerSecondMax: 100_000,
    subRequestsMax: 1_000,
    logBytesMax: 1 * MB,
  },
};

/** A version of before a limit was there holds no word of it: the smallest default stands in. */
function limit(name: LimitName) {
  return z.number().int().min(limitFloors[name]).max(limitCeilings.pro[name]).default(defaultLimits.free[name]);
}

/** Written out, as its order is part of a version's content hash. */
export const functionLimits = z.object({
  cpuMsMax: limit("cpuMsMax"),
  wallMsMax: limit("wallMsMax"),
  memoryMbMax: limit("memoryMbMax"),
  requestBodyBytesMax: limit("requestBodyBytesMax"),
  concurrencyPerInstanceMax: limit("concurrencyPerInstanceMax"),
  instancesMax: limit("instancesMax"),
  requestsPerSecondMax: limit("requestsPerSecondMax"),
  subRequestsMax: limit("subRequestsMax"),
  logBytesMax: limit("logBytesMax"),
}) satisfies z.ZodType<FunctionLimits>;

/** What an owner wishes for a function, by limit; whatever is left out follows the plan's default. */
export const limitSettings = z.partialRecord(limitName, z.number().int());
export type LimitSettings = z.infer<typeof limitSettings>;
