import { bindings } from "#server/contract/bindings.ts";
import type { PlanName } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { asId } from "#server/std/id.ts";
import { limitsOn } from "./limits.ts";

/** What `specOf` needs. */
export const specColumns = {
  id: true,
  number: true,
  bundle: true,
  compatibilityDate: true,
  limits: true,
  bindings: true,
  function: { select: { id: true, organizationId: true, organization: { select: { plan: true } } } },
} as const;

/** What the console needs to start one: its errors are told in the source's own lines. */
export const startColumns = { ...specColumns, sourceMap: true } as const;

/** A stored version as the runtime wants it, its limits within what the organization's plan allows now. */
export function specOf(version: {
  id: string;
  number: number;
  bundle: Uint8Array;
  compatibilityDate: string;
  limits: unknown;
  bindings: unknown;
  function: { id: string; organizationId: string; organization: { plan: PlanName } };
}): VersionSpec {
  const { plan } = version.function.organization;
  return {
    versionId: asId("version", version.id),
    functionId: asId("function", version.function.id),
    organizationId: asId("organization", version.function.organizationId),
    number: version.number,
    bundle: new TextDecoder().decode(version.bundle),
    compatibilityDate: version.compatibilityDate,
    plan,
    limits: limitsOn(plan, version.limits),
    bindings: bindings.parse(version.bindings),
  };
}
