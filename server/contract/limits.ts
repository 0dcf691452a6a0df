import { z } from "zod";

const MB = 1024 * 1024;

/** What one version may use. Written into the version, obeyed by the runtime. */
export const functionLimits = z.object({
  cpuMsMax: z.number().int().min(10).max(300_000).default(30_000),
  wallMsMax: z.number().int().min(100).max(900_000).default(30_000),
  memoryMbMax: z.number().int().min(32).max(1024).default(128),
  requestBodyBytesMax: z
    .number()
    .int()
    .min(0)
    .max(500 * MB)
    .default(100 * MB),
  concurrencyPerInstanceMax: z.number().int().min(1).max(500).default(50),
  instancesMax: z.number().int().min(1).max(100).default(10),
  requestsPerSecondMax: z.number().int().min(1).max(100_000).default(10_000),
});
export type FunctionLimits = z.infer<typeof functionLimits>;

export const defaultLimits: FunctionLimits = functionLimits.parse({});
