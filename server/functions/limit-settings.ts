import { z } from "zod";
import { recordAudit } from "#server/accounts/audit.ts";
import { bindings } from "#server/contract/bindings.ts";
import { limitInWords, limitWords } from "#server/contract/limit-words.ts";
import {
  defaultLimits,
  limitCeilings,
  limitFloors,
  limitName,
  limitSettings,
  type FunctionLimits,
  type LimitName,
  type LimitSettings,
  type PlanName,
} from "#server/contract/limits.ts";
import type { Db } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";
import { hashedSettings, nextNumber, type DeployTools } from "./deploy.ts";
import { lockFunction, noSuchFunction, type FunctionKey } from "./deployment.ts";
import { goLive, type DeployResult } from "./go-live.ts";
import { checkSettings, limitsOn } from "./limits.ts";
import { contentHash, sourceFiles } from "./source.ts";
import { specColumns, specOf, startColumns } from "./stored-version.ts";

export type LimitRow = {
  name: LimitName;
  /** Null while the function follows its plan's default. */
  wished: number | null;
  fallback: number;
  floor: number;
  ceiling: number;
};

export type LimitsReport = {
  plan: PlanName;
  rows: LimitRow[];
  /** The version that serves and what holds for it: others than the rows say, after a roll-back or a change of plan. */
  serving: { versionNumber: number; limits: FunctionLimits } | null;
};

/** Limits as a function's settings, beside those of the version that serves. */
export async function readLimits(db: Db, of: FunctionKey): Promise<LimitsReport> {
  const { plan, settings, versionId } = await current(db, of);
  const version = versionId
    ? await db.version.findFirst({
        where: { id: versionId, function: { organizationId: of.organizationId } },
        select: { number: true, limits: true },
      })
    : null;
  const ceilings = limitCeilings[plan];
  return {
    plan,
    rows: limitName.options.map((name) => {
      const wished = settings[name];
      return {
        name,
        // A wish of a higher plan is shown as what is left of it, so that the form can be saved as it stands.
        wished: wished === undefined ? null : Math.min(wished, ceilings[name]),
        fallback: defaultLimits[plan][name],
        floor: limitFloors[name],
        ceiling: ceilings[name],
      };
    }),
    serving: version && { versionNumber: version.number, limits: limitsOn(plan, version.limits) },
  };
}

/** `saved`: there is no version yet that they could be given to; the first deploy takes them. */
export type LimitsChange = DeployResult | { kind: "saved" };

/**
 * Changes what a function may use. A version is immutable, so the source and the bundle that serve are deployed again as
 * a version with the new limits (and with the bindings that are set, as any deploy); where that one doesn't start, nothing is changed. Faults name the limit as their field.
 */
export async function changeLimits(
  tools: Pick<DeployTools, "db" | "readiness">,
  request: FunctionKey & { userId: Id<"user">; settings: LimitSettings },
): Promise<LimitsChange> {
  const startedAt = performance.now();
  const { db } = tools;
  const { organizationId, functionId, userId, settings } = request;
  const before = await current(db, request);
  checkSettings(before.plan, settings);
  const { deploymentId, versionId } = before;
  if (deploymentId === null) return saveOnly(db, request);
  const version = await db.version.findFirst({
    where: { id: versionId ?? "", functionId, function: { organizationId } },
    select: { ...startColumns, source: true },
  });
  if (!version) throw noSuchFunction();
  const files = sourceFiles.parse(version.source);
  const limits = limitsOn(before.plan, settings);
  const byPath = new Map(files.map(({ path, content }) => [path, content]));
  const settled = { compatibilityDate: version.compatibilityDate, limits, bindings: before.bindings };
  const hash = contentHash(byPath, hashedSettings(settled));
  const stored = await db.version.findFirst({
    where: { functionId, contentHash: hash, function: { organizationId } },
    select: specColumns,
  });
  const next = { versionId: newId("version"), number: await nextNumber(db, functionId), ...settled };
  return goLive(
    tools,
    {
      organizationId,
      functionId,
      userId,
      files,
      startedAt,
      change: { settings, of: deploymentId, message: messageOf(before.settings, settings) },
    },
    {
      spec: stored ? specOf(stored) : { ...specOf(version), ...next },
      sourceMap: version.sourceMap,
      hash,
      timings: { packagesMs: 0, bundleMs: 0 },
    },
  );
}

async function saveOnly(
  db: Db,
  { organizationId, functionId, userId, settings }: FunctionKey & { userId: Id<"user">; settings: LimitSettings },
): Promise<LimitsChange> {
  await db.$transaction(async (tx) => {
    await lockFunction(tx, { organizationId, functionId });
    await tx.function.update({
      where: { id: functionId, organizationId },
      data: { limits: settings },
      select: { id: true },
    });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "function.limits_changed",
      subject: functionId,
      detail: settings,
    });
  });
  return { kind: "saved" };
}

const storedShares = z.array(z.object({ versionId: z.string() }));

async function current(db: Db, { organizationId, functionId }: FunctionKey) {
  const found = await db.function.findFirst({
    where: { id: functionId, organizationId },
    select: {
      limits: true,
      bindings: true,
      organization: { select: { plan: true } },
      activeDeployment: { select: { id: true, shares: true } },
    },
  });
  if (!found) throw noSuchFunction();
  const [first] = storedShares.parse(found.activeDeployment?.shares ?? []);
  return {
    plan: found.organization.plan,
    settings: limitSettings.parse(found.limits ?? {}),
    bindings: bindings.parse(found.bindings),
    deploymentId: found.activeDeployment?.id ?? null,
    versionId: first?.versionId ?? null,
  };
}

/** "Limits changed: CPU time of a request 50 ms", for the list of deployments. */
function messageOf(before: LimitSettings, after: LimitSettings): string {
  const changed = limitName.options.filter((name) => before[name] !== after[name]);
  const words = changed.map((name) => {
    const value = after[name];
    return `${limitWords[name].title} ${value === undefined ? "by default" : limitInWords(name, value)}`;
  });
  return words.length === 0 ? "Limits deployed again" : `Limits changed: ${words.join(", ")}`;
}
