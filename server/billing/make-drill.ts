import { z } from "zod";
import { recordAudit } from "#server/accounts/audit.ts";
import { createTemporary } from "#server/accounts/temporary-organization.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { copyServing } from "#server/functions/copy-serving.ts";
import { functionByName } from "#server/functions/functions.ts";
import { limitsOn } from "#server/functions/limits.ts";
import { setBudget, type Budget } from "#server/metering/budget.ts";
import type { Clock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { drillBudget, requestsPaid, type DrillTerms } from "./drill-budget.ts";
import type { Remains } from "./drill-remains.ts";
import { drillState, noCounts, type DrillState } from "./drill-state.ts";
import { takeTurn } from "./drill-turn.ts";
import type { Gateway } from "./flood.ts";
import { versionAt } from "./price-book.ts";
import { loadPriceBook } from "./price-versions.ts";

export type DrillRequest = {
  organizationId: Id<"organization">;
  userId: Id<"user">;
  functionName: string;
  terms: DrillTerms;
};

export type Drill = Remains & {
  id: Id<"drill">;
  organizationId: Id<"organization">;
  userId: Id<"user">;
  functionName: string;
  /** By which the copy answers. */
  host: string;
  budget: Budget;
  terms: DrillState["terms"];
};

const CONCURRENCY = 50;

/** Makes all that a drill needs, or nothing and a fault that says why it can't start now. */
export async function makeDrill(
  tools: { db: Db; clock: Clock; gateway: Gateway },
  request: DrillRequest,
): Promise<Drill> {
  const { organizationId, userId, functionName } = request;
  const { id: functionId } = await functionByName(tools.db, { organizationId, name: functionName });
  const startedAt = new Date(tools.clock.nowMs());
  return tools.db.$transaction(async (tx) => {
    await takeTurn(tx, { organizationId, now: startedAt });
    const { plan } = await tx.organization.findUniqueOrThrow({ where: { id: organizationId }, select: { plan: true } });
    const name = `Flood drill of ${functionName}`;
    const temporary = await createTemporary(tx, { drillOf: organizationId, name, plan, now: startedAt });
    const temporaryFunctionId = await copyServing(tx, { organizationId, functionId }, temporary.id);
    const version = versionAt(await loadPriceBook(tx), startedAt);
    const rate = await requestsPerSecondMax(tx, { functionId: temporaryFunctionId, plan });
    const paid = requestsPaid(request.terms, { requestsPerSecondMax: rate });
    const budget = drillBudget(request.terms, { requestsPaid: paid, version, now: startedAt });
    await setBudget(tx, temporary.id, budget);
    const drill: Drill = {
      id: newId("drill"),
      organizationId,
      userId,
      functionName,
      temporaryId: temporary.id,
      temporaryFunctionId,
      startedAt,
      host: tools.gateway.hostOf({ functionName, organizationSlug: temporary.slug }),
      budget,
      terms: {
        ...request.terms,
        concurrency: Math.min(CONCURRENCY, request.terms.calls),
        requestsPaid: paid,
        priceVersion: version.version,
      },
    };
    await keepDrill(tx, drill);
    return drill;
  });
}

/** Its row, and who started it. */
async function keepDrill(tx: Tx, drill: Drill): Promise<void> {
  const { id, organizationId, userId, functionName, temporaryId, temporaryFunctionId, startedAt, terms } = drill;
  const stage = { kind: "running", phase: "flooding", counts: noCounts, spent: 0n, highest: 0n } as const;
  const state = z.encode(drillState, { terms, stage });
  await tx.floodDrill.create({
    data: { id, organizationId, temporaryId, temporaryFunctionId, functionName, state, startedBy: userId, startedAt },
    select: { id: true },
  });
  const detail = { function: functionName, cap: formatCents(terms.capCents), calls: terms.calls };
  await recordAudit(tx, { organizationId, userId, action: "flood_drill.started", subject: id, detail });
}

/** Of the versions that serve, the least. */
async function requestsPerSecondMax(tx: Tx, of: { functionId: Id<"function">; plan: PlanName }): Promise<number> {
  const versions = await tx.version.findMany({ where: { functionId: of.functionId }, select: { limits: true } });
  return Math.min(...versions.map(({ limits }) => limitsOn(of.plan, limits).requestsPerSecondMax));
}
