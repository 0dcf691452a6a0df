import { defaultLimits, functionLimits } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { Db } from "#server/db/client.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { recordAudit } from "#server/accounts/audit.ts";
import { bundle } from "./bundle.ts";
import { activate, lockFunction, noSuchFunction, type FunctionKey } from "./deployment.ts";
import type { Packages } from "./packages.ts";
import { startError, type Readiness, type StartError } from "./readiness.ts";
import { contentHash, readSource, type Source, type SourceError, type SourceFile } from "./source.ts";

export type DeployTools = { db: Db; readiness: Readiness; packages: Packages };
export type DeployRequest = FunctionKey & { files: readonly SourceFile[]; userId: Id<"user"> };

/** Where the time of a deploy went. What didn't happen, because the version was there already, took 0. */
export type DeployTimings = { packagesMs: number; bundleMs: number; startMs: number; storeMs: number };

export type DeployResult =
  | { kind: "deployed"; versionNumber: number; durationMs: number; timings: DeployTimings }
  | { kind: "bundle_failed"; errors: SourceError[] }
  | { kind: "start_failed"; error: StartError }
  | { kind: "unavailable"; message: string };

/** The newest behaviour of the runtime that versions made today opt into. Written into each version, so an old one keeps its own. */
const COMPATIBILITY_DATE = "2026-11-01";
const settings = { compatibilityDate: COMPATIBILITY_DATE, limits: defaultLimits };

type Built = { spec: VersionSpec; sourceMap: string; hash: string; timings: { packagesMs: number; bundleMs: number } };

/** Save to live. A version that doesn't start is neither stored nor does it replace the one that serves. */
export async function deploy(tools: DeployTools, request: DeployRequest): Promise<DeployResult> {
  const startedAt = performance.now();
  const reading = readSource(request.files);
  if (reading.kind === "failed") return { kind: "bundle_failed", errors: reading.errors };
  const { source } = reading;
  const hash = contentHash(source.files, settings);
  const built = (await storedVersion(tools.db, request, hash)) ?? (await build(tools, request, source, hash));
  if (built.kind === "bundle_failed") return built;

  const readiness = await tools.readiness.prepare(built.spec);
  if (readiness.kind === "unavailable") return readiness;
  if (readiness.kind === "failed") return { kind: "start_failed", error: startError(readiness, built.sourceMap) };

  const storeAt = performance.now();
  const versionNumber = await store(tools.db, request, source, built);
  await tools.readiness.changed(request.functionId);
  const storeMs = performance.now() - storeAt;
  return {
    kind: "deployed",
    versionNumber,
    durationMs: performance.now() - startedAt,
    timings: { ...built.timings, startMs: readiness.startMs, storeMs },
  };
}

type Stored = Built & { kind: "built" };

/** The version that these very files made before, if any: then there is nothing to bundle. */
async function storedVersion(db: Db, request: DeployRequest, hash: string): Promise<Stored | null> {
  const found = await db.function.findFirst({
    where: { id: request.functionId, organizationId: request.organizationId },
    select: {
      versions: {
        where: { contentHash: hash },
        select: { id: true, number: true, bundle: true, sourceMap: true, compatibilityDate: true, limits: true },
      },
    },
  });
  if (!found) throw noSuchFunction();
  const version = found.versions[0];
  if (!version) return null;
  const { functionId, organizationId } = request;
  return {
    kind: "built",
    spec: { ...specOf(version), functionId, organizationId },
    sourceMap: version.sourceMap,
    hash,
    timings: { packagesMs: 0, bundleMs: 0 },
  };
}

/** A stored version as the runtime wants it, but for whose it is. */
export function specOf(version: {
  id: string;
  number: number;
  bundle: Uint8Array;
  compatibilityDate: string;
  limits: unknown;
}): Omit<VersionSpec, "functionId" | "organizationId"> {
  return {
    versionId: asId("version", version.id),
    number: version.number,
    bundle: new TextDecoder().decode(version.bundle),
    compatibilityDate: version.compatibilityDate,
    limits: functionLimits.parse(version.limits),
  };
}

async function build(
  { db, packages }: DeployTools,
  { functionId, organizationId }: DeployRequest,
  source: Source,
  hash: string,
): Promise<Stored | Extract<DeployResult, { kind: "bundle_failed" }>> {
  const packagesAt = performance.now();
  const installed = await packages.install(source);
  if (installed.kind === "failed") return { kind: "bundle_failed", errors: installed.errors };
  const bundleAt = performance.now();
  const [bundled, latest] = await Promise.all([bundle(source, installed.dir), latestNumber(db, functionId)]);
  if (bundled.kind === "failed") return { kind: "bundle_failed", errors: bundled.errors };
  return {
    kind: "built",
    spec: {
      versionId: newId("version"),
      functionId,
      organizationId,
      // A guess until the row is locked: of two deploys at once, the later gets the next one.
      number: latest + 1,
      bundle: bundled.code,
      compatibilityDate: settings.compatibilityDate,
      limits: settings.limits,
    },
    sourceMap: bundled.sourceMap,
    hash,
    timings: { packagesMs: bundleAt - packagesAt, bundleMs: performance.now() - bundleAt },
  };
}

async function latestNumber(db: Db, functionId: Id<"function">): Promise<number> {
  const { _max } = await db.version.aggregate({ where: { functionId }, _max: { number: true } });
  return _max.number ?? 0;
}

async function store(db: Db, request: DeployRequest, source: Source, built: Built): Promise<number> {
  const { functionId, organizationId, userId } = request;
  return db.$transaction(async (tx) => {
    await lockFunction(tx, request);
    // Read after the lock, in a statement of its own: only then does it see what the holder before us wrote.
    const [found] = await tx.$queryRaw<{ latest: number | null; sameNumber: number | null; sameId: string | null }[]>`
      SELECT max(number) AS latest,
             max(number) FILTER (WHERE content_hash = ${built.hash}) AS "sameNumber",
             max(id) FILTER (WHERE content_hash = ${built.hash}) AS "sameId"
      FROM "version" WHERE function_id = ${functionId}`;
    const versionId = found?.sameId ?? built.spec.versionId;
    const number = found?.sameNumber ?? (found?.latest ?? 0) + 1;
    if (!found?.sameId) {
      await tx.version.create({
        data: {
          id: versionId,
          functionId,
          number,
          contentHash: built.hash,
          source: [...source.files].map(([path, content]) => ({ path, content })),
          bundle: new TextEncoder().encode(built.spec.bundle),
          sourceMap: built.sourceMap,
          compatibilityDate: built.spec.compatibilityDate,
          limits: built.spec.limits,
          createdBy: userId,
        },
        select: { id: true },
      });
    }
    await activate(tx, { functionId, organizationId, versionId, userId, message: "" });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "function.deployed",
      subject: functionId,
      detail: { number },
    });
    return number;
  });
}
