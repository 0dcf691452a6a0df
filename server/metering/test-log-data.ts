import type { LogLevel } from "#server/contract/usage.ts";
import type { Db } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";
import { recordUsage, type UsageFact } from "./ledger.ts";
import { recordLogs, type LogFact } from "./logs.ts";

/** A function of an organization of its own, with numbered versions, for tests of what is read of its log. */
export type LoggedFunction = {
  organizationId: Id<"organization">;
  functionId: Id<"function">;
  versionIds: Id<"version">[];
};

let organizations = 0;

/** `beside`: in the same organization as another function. */
export async function loggedFunction(db: Db, versions = 3, beside?: LoggedFunction): Promise<LoggedFunction> {
  const organizationId = beside?.organizationId ?? newId("organization");
  const functionId = newId("function");
  organizations += 1;
  if (!beside)
    await db.organization.create({
      data: { id: organizationId, slug: `organization-${organizations}`, name: "Organization" },
      select: { id: true },
    });
  await db.function.create({
    data: { id: functionId, organizationId, name: `function-${organizations}` },
    select: { id: true },
  });
  const versionIds = Array.from({ length: versions }, () => newId("version"));
  await db.version.createMany({
    data: versionIds.map((id, at) => ({
      id,
      functionId,
      number: at + 1,
      contentHash: id,
      source: [],
      bundle: Buffer.from(""),
      sourceMap: "",
      compatibilityDate: "2026-11-01",
      limits: {},
    })),
  });
  return { organizationId, functionId, versionIds };
}

let seq = 0n;

/** A line of the function's first version that was printed now, outside of any request, unless said otherwise. */
export function lineOf(of: LoggedFunction, line: Partial<LogFact> & { message: string }): LogFact {
  seq += 1n;
  const { organizationId, functionId } = of;
  const versionId = of.versionIds[0] ?? newId("version");
  const level: LogLevel = "log";
  return { epoch: 1n, seq, organizationId, functionId, versionId, requestId: null, atMs: Date.now(), level, ...line };
}

/** A call of the function's first version that came now and was answered with 200, unless said otherwise. */
export function callOf(of: LoggedFunction, call: Partial<UsageFact> = {}): UsageFact & { requestId: string } {
  seq += 1n;
  return {
    epoch: 1n,
    seq,
    kind: "request",
    organizationId: of.organizationId,
    functionId: of.functionId,
    versionId: of.versionIds[0] ?? newId("version"),
    occurredAtMs: Date.now(),
    method: "GET",
    path: "/",
    status: 200,
    outcome: "ok",
    wallUs: 1_000,
    cpuNs: 1_000,
    ingressBytes: 0,
    egressBytes: 0,
    coldStart: false,
    ...call,
    requestId: call.requestId ?? newId("request"),
  };
}

export async function store(db: Db, of: { lines?: LogFact[]; calls?: UsageFact[] }): Promise<void> {
  await recordUsage(db, of.calls ?? []);
  if (of.lines && of.lines.length > 0) await recordLogs(db, of.lines);
}
