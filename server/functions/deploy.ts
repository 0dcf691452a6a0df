import { bindings, type Binding } from "#server/contract/bindings.ts";
import type { FunctionLimits, PlanName } from "#server/contract/limits.ts";
import type { Db } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";
import { bundle } from "./bundle.ts";
import { noSuchFunction, type FunctionKey } from "./deployment.ts";
import { goLive, type Candidate, type DeployResult } from "./go-live.ts";
import { limitsOn } from "./limits.ts";
import type { Packages } from "./packages.ts";
import type { Readiness } from "./readiness.ts";
import { contentHash, readSource, type Source, type SourceFile } from "./source.ts";
import { specOf, startColumns } from "./stored-version.ts";

export type DeployTools = { db: Db; readiness: Readiness; packages: Packages };
export type DeployRequest = FunctionKey & { files: readonly SourceFile[]; userId: Id<"user"> };

/** The newest behaviour of the runtime that versions made today opt into. Written into each version, so an old one keeps its own. */
const COMPATIBILITY_DATE = "2026-11-01";

/** What a version holds beside its source: with it, its content. */
type VersionSettings = { compatibilityDate: string; limits: FunctionLimits; bindings: Binding[] };

/** Settings as a version's hash has them. Without bindings it is what it was before there were any. */
export function hashedSettings({ bindings, ...settings }: VersionSettings): unknown {
  return bindings.length === 0 ? settings : { ...settings, bindings };
}

type Wanted = { plan: PlanName; settings: VersionSettings };

/** Save to live. A version that doesn't start is neither stored nor does it replace the one that serves. */
export async function deploy(tools: DeployTools, request: DeployRequest): Promise<DeployResult> {
  const startedAt = performance.now();
  const reading = readSource(request.files);
  if (reading.kind === "failed") return { kind: "bundle_failed", errors: reading.errors };
  const { source } = reading;
  const wanted = await wantedOf(tools.db, request);
  const hash = contentHash(source.files, hashedSettings(wanted.settings));
  const built = (await storedVersion(tools.db, request, hash)) ?? (await build(tools, request, { source, ...wanted }));
  if (built.kind === "bundle_failed") return built;
  const files = [...source.files].map(([path, content]) => ({ path, content }));
  return goLive(tools, { ...request, files, startedAt }, { ...built, hash });
}

type Built = { kind: "built" } & Omit<Candidate, "hash">;

/** What the next version is to hold. */
async function wantedOf(db: Db, { organizationId, functionId }: FunctionKey): Promise<Wanted> {
  const found = await db.function.findFirst({
    where: { id: functionId, organizationId },
    select: { limits: true, bindings: true, organization: { select: { plan: true } } },
  });
  if (!found) throw noSuchFunction();
  const { plan } = found.organization;
  return {
    plan,
    settings: {
      compatibilityDate: COMPATIBILITY_DATE,
      limits: limitsOn(plan, found.limits),
      bindings: bindings.parse(found.bindings),
    },
  };
}

/** The version that these very files made before, if any: then there is nothing to bundle. */
async function storedVersion(db: Db, request: DeployRequest, hash: string): Promise<Built | null> {
  const { functionId, organizationId } = request;
  const version = await db.version.findFirst({
    where: { functionId, contentHash: hash, function: { organizationId } },
    select: startColumns,
  });
  if (!version) return null;
  return {
    kind: "built",
    spec: specOf(version),
    sourceMap: version.sourceMap,
    timings: { packagesMs: 0, bundleMs: 0 },
  };
}

async function build(
  { db, packages }: DeployTools,
  { functionId, organizationId }: DeployRequest,
  { source, plan, settings }: Wanted & { source: Source },
): Promise<Built | Extract<DeployResult, { kind: "bundle_failed" }>> {
  const packagesAt = performance.now();
  const installed = await packages.install(source, organizationId);
  if (installed.kind === "failed") return { kind: "bundle_failed", errors: installed.errors };
  const bundleAt = performance.now();
  const [bundled, number] = await Promise.all([bundle(source, installed.dir), nextNumber(db, functionId)]);
  if (bundled.kind === "failed") return { kind: "bundle_failed", errors: bundled.errors };
  return {
    kind: "built",
    spec: { versionId: newId("version"), functionId, organizationId, number, bundle: bundled.code, plan, ...settings },
    sourceMap: bundled.sourceMap,
    timings: { packagesMs: bundleAt - packagesAt, bundleMs: performance.now() - bundleAt },
  };
}

/** A guess until the row is locked: of two deploys at once, the later gets the next one. */
export async function nextNumber(db: Db, functionId: Id<"function">): Promise<number> {
  const { _max } = await db.version.aggregate({ where: { functionId }, _max: { number: true } });
  return (_max.number ?? 0) + 1;
}
