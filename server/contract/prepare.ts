import { z } from "zod";
import { bindings } from "./bindings.ts";
import { functionLimits, planName } from "./limits.ts";

/** What the runtime needs to run a version; what the console hands over when it deploys one. */
export const versionSpec = z.object({
  versionId: z.string().startsWith("ver_"),
  functionId: z.string().startsWith("fn_"),
  organizationId: z.string().startsWith("org_"),
  number: z.number().int().min(1),
  bundle: z.string(), // the main ES module
  compatibilityDate: z.iso.date(),
  /** Whose ceilings the limits are within: the same version on another plan is another spec. */
  plan: planName,
  limits: functionLimits,
  /** What its code finds in `env`, all of its own organization. */
  bindings,
});
export type VersionSpec = z.infer<typeof versionSpec>;

/** Whether a version starts. A position is one in the bundle, 1-based, to be mapped to the source by whoever holds the map. */
export const readiness = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready"), startMs: z.number() }),
  z.object({
    kind: z.literal("failed"),
    message: z.string(),
    position: z.object({ line: z.number().int(), column: z.number().int() }).optional(),
  }),
  z.object({ kind: z.literal("unavailable"), message: z.string() }),
]);
export type Readiness = z.infer<typeof readiness>;

/** Where the runtime's internal door takes a VersionSpec (POST, JSON) and answers a Readiness. */
export const readinessPath = "/internal/prepare";

/** Where the runtime is told that a function's deployment changed (POST, JSON), so that its own caller finds it live at once. Others learn it by NOTIFY. */
export const refreshPath = "/internal/refresh";
export const refreshRequest = z.object({ functionId: z.string().startsWith("fn_") });
