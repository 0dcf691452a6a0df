import { recordAudit } from "#server/accounts/audit.ts";
import { bindings } from "#server/contract/bindings.ts";
import type { LimitSettings } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { activate, lockFunction, type FunctionKey } from "./deployment.ts";
import { limitsOn } from "./limits.ts";
import { startError, type Readiness, type StartError } from "./readiness.ts";
import type { SourceError, SourceFile } from "./source.ts";

/** Where the time of a deploy went. What didn't happen, because the version was there already, took 0. */
export type DeployTimings = { packagesMs: number; bundleMs: number; startMs: number; storeMs: number };

export type DeployResult =
  | { kind: "deployed"; versionNumber: number; durationMs: number; timings: DeployTimings }
  | { kind: "bundle_failed"; errors: SourceError[] }
  | { kind: "start_failed"; error: StartError }
  | { kind: "unavailable"; message: string };

/** A version that is to serve; it may be stored already, under the same hash. */
export type Candidate = {
  spec: VersionSpec;
  sourceMap: string;
  /** Of source and settings. */
  hash: string;
  timings: { packagesMs: number; bundleMs: number };
};

export type Going = FunctionKey & {
  userId: Id<"user">;
  files: readonly SourceFile[];
  /** By performance.now(): when the person began to wait. */
  startedAt: number;
  /** When the limits change: what is wished from now on, and the deployment whose version got them. */
  change?: { settings: LimitSettings; of: string; message: string };
};

/** From built to serving. A version that doesn't start is neither stored nor does it replace the one that serves. */
export async function goLive(
  { db, readiness }: { db: Db; readiness: Readiness },
  going: Going,
  candidate: Candidate,
): Promise<DeployResult> {
  const started = await readiness.prepare(candidate.spec);
  if (started.kind === "unavailable") return started;
  if (started.kind === "failed") return { kind: "start_failed", error: startError(started, candidate.sourceMap) };

  const storeAt = performance.now();
  const versionNumber = await db.$transaction((tx) => store(tx, going, candidate));
  await readiness.changed(going.functionId);
  const finishedAt = performance.now();
  return {
    kind: "deployed",
    versionNumber,
    durationMs: finishedAt - going.startedAt,
    timings: { ...candidate.timings, startMs: started.startMs, storeMs: finishedAt - storeAt },
  };
}

async function store(tx: Tx, going: Going, candidate: Candidate): Promise<number> {
  const { organizationId, functionId, userId, change } = going;
  await lockFunction(tx, going);
  await refuseStale(tx, going, candidate);
  const { versionId, number } = await storeVersion(tx, going, candidate);
  if (change) {
    await tx.function.update({
      where: { id: functionId, organizationId },
      data: { limits: change.settings },
      select: { id: true },
    });
  }
  await activate(tx, { organizationId, functionId, versionId, userId, message: change?.message ?? "" });
  await recordAudit(tx, {
    organizationId,
    userId,
    action: change ? "function.limits_changed" : "function.deployed",
    subject: functionId,
    detail: { number, ...change?.settings },
  });
  return number;
}

/** Of two who change a function at once, the later must not undo what it has not seen: new limits or bindings, or a new source. */
async function refuseStale(tx: Tx, { organizationId, functionId, change }: Going, { spec }: Candidate): Promise<void> {
  const now = await tx.function.findUniqueOrThrow({
    where: { id: functionId, organizationId },
    select: { limits: true, bindings: true, activeDeploymentId: true, organization: { select: { plan: true } } },
  });
  if (change && now.activeDeploymentId !== change.of) {
    throw new Fault("conflict", "Another version was deployed meanwhile. Look at it, then save the limits again.");
  }
  const limits = limitsOn(now.organization.plan, change?.settings ?? now.limits);
  if (JSON.stringify(limits) !== JSON.stringify(spec.limits)) {
    throw new Fault("conflict", "The function's limits changed while this was deployed. Deploy again.");
  }
  if (JSON.stringify(bindings.parse(now.bindings)) !== JSON.stringify(spec.bindings)) {
    throw new Fault("conflict", "The function's bindings changed while this was deployed. Deploy again.");
  }
}

async function storeVersion(
  tx: Tx,
  { functionId, userId, files }: Going,
  { spec, sourceMap, hash }: Candidate,
): Promise<{ versionId: string; number: number }> {
  // Read after the lock, in a statement of its own: only then does it see what the holder before us wrote.
  const [found] = await tx.$queryRaw<{ latest: number | null; sameNumber: number | null; sameId: string | null }[]>`
    SELECT max(number) AS latest,
           max(number) FILTER (WHERE content_hash = ${hash}) AS "sameNumber",
           max(id) FILTER (WHERE content_hash = ${hash}) AS "sameId"
    FROM "version" WHERE function_id = ${functionId}`;
  if (found?.sameId && found.sameNumber !== null) return { versionId: found.sameId, number: found.sameNumber };
  const number = (found?.latest ?? 0) + 1;
  await tx.version.create({
    data: {
      id: spec.versionId,
      functionId,
      number,
      contentHash: hash,
      source: files.map(({ path, content }) => ({ path, content })),
      bundle: new TextEncoder().encode(spec.bundle),
      sourceMap,
      compatibilityDate: spec.compatibilityDate,
      limits: spec.limits,
      bindings: spec.bindings,
      createdBy: userId,
    },
    select: { id: true },
  });
  return { versionId: spec.versionId, number };
}
