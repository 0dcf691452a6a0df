import { z } from "zod";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, type Id } from "#server/std/id.ts";
import { activate, lockFunction, noSuchFunction, type FunctionKey } from "./deployment.ts";
import type { DeployResult } from "./go-live.ts";
import { startError, type Readiness } from "./readiness.ts";
import { sourceFiles, type SourceFile } from "./source.ts";
import { specOf, startColumns } from "./stored-version.ts";

export type VersionSummary = {
  id: Id<"version">;
  number: number;
  createdAt: Date;
  /** Null when who made it is gone. */
  createdByName: string | null;
  bundleBytes: number;
  isActive: boolean;
};

const shares = z.array(z.object({ versionId: z.string(), percent: z.number() }));
const LISTED_MAX = 200;

/** The newest versions of a function, newest first. */
export async function listVersions(db: Db, of: FunctionKey): Promise<VersionSummary[]> {
  const found = await db.function.findFirst({
    where: { id: of.functionId, organizationId: of.organizationId },
    select: { activeDeployment: { select: { shares: true } } },
  });
  if (!found) throw noSuchFunction();
  const rows = await db.$queryRaw<
    { id: string; number: number; createdAt: Date; createdByName: string | null; bundleBytes: number }[]
  >`
    SELECT v.id, v.number, v.created_at AS "createdAt", u.name AS "createdByName", octet_length(v.bundle) AS "bundleBytes"
    FROM "version" v LEFT JOIN "user" u ON u.id = v.created_by
    WHERE v.function_id = ${of.functionId} ORDER BY v.number DESC LIMIT ${LISTED_MAX}`;
  const active = new Set(shares.parse(found.activeDeployment?.shares ?? []).map((share) => share.versionId));
  return rows.map(({ id, number, createdAt, createdByName, bundleBytes }) => ({
    id: asId("version", id),
    number,
    createdAt,
    createdByName,
    bundleBytes,
    isActive: active.has(id),
  }));
}

/** The files of a version; without a number, of the one that serves. Null while a function has no version. */
export async function versionSource(
  db: Db,
  of: FunctionKey & { number?: number | undefined },
): Promise<{ number: number; files: SourceFile[] } | null> {
  const found = await db.function.findFirst({
    where: { id: of.functionId, organizationId: of.organizationId },
    select: { activeDeployment: { select: { shares: true } } },
  });
  if (!found) throw noSuchFunction();
  const [serving] = shares.parse(found.activeDeployment?.shares ?? []);
  if (of.number === undefined && !serving) return null;
  const version = await db.version.findFirst({
    where: {
      functionId: of.functionId,
      ...(of.number === undefined ? { id: serving?.versionId ?? "" } : { number: of.number }),
    },
    select: { number: true, source: true },
  });
  return version ? { number: version.number, files: sourceFiles.parse(version.source) } : null;
}

/** Makes an old version serve again, as a new deployment. It is started first, like any other. */
export async function rollBack(
  { db, readiness }: { db: Db; readiness: Readiness },
  of: FunctionKey & { number: number; userId: Id<"user"> },
): Promise<DeployResult> {
  const startedAt = performance.now();
  const { functionId, organizationId, number, userId } = of;
  const version = await db.version.findFirst({
    where: { functionId, number, function: { organizationId } },
    select: startColumns,
  });
  if (!version) throw new Fault("not_found", `There is no version ${number} of this function.`);
  const result = await readiness.prepare(specOf(version));
  if (result.kind === "unavailable") return result;
  if (result.kind === "failed") return { kind: "start_failed", error: startError(result, version.sourceMap) };

  const storeAt = performance.now();
  await db.$transaction(async (tx) => {
    await lockFunction(tx, of);
    await activate(tx, { ...of, versionId: version.id, message: `Rolled back to version ${number}` });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "function.rolled_back",
      subject: functionId,
      detail: { number },
    });
  });
  await readiness.changed(functionId);
  const finishedAt = performance.now();
  const timings = { packagesMs: 0, bundleMs: 0, startMs: result.startMs, storeMs: finishedAt - storeAt };
  return { kind: "deployed", versionNumber: number, durationMs: finishedAt - startedAt, timings };
}
