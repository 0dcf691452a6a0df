import { recordAudit } from "#server/accounts/audit.ts";
import { functionName } from "#server/contract/names.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { deploy, type DeployTools } from "./deploy.ts";
import { noSuchFunction, notifyFunction, type FunctionKey } from "./deployment.ts";
import type { DeployResult } from "./go-live.ts";
import type { SourceFile } from "./source.ts";
import { templateFiles, type TemplateName } from "./templates.ts";

const FUNCTIONS_MAX = 100;

export type FunctionSummary = {
  id: Id<"function">;
  name: string;
  createdAt: Date;
  /** Null before the first deploy. */
  deployedAt: Date | null;
};

export type Creation = {
  id: Id<"function">;
  name: string;
  /** The template's files: where the first deploy failed, they are in no version yet. */
  files: SourceFile[];
  firstDeploy: DeployResult;
};

/** Makes a function out of a template and deploys it at once. That deploy may fail; the function is there all the same. */
export async function createFunction(
  tools: DeployTools,
  request: { organizationId: Id<"organization">; userId: Id<"user">; name: string; template: TemplateName },
): Promise<Creation> {
  const { organizationId, userId, template } = request;
  const parsed = functionName.safeParse(request.name);
  if (!parsed.success)
    throw new Fault("invalid", parsed.error.issues[0]?.message ?? "Choose another name", { field: "name" });
  const name = parsed.data;
  const id = newId("function");
  await tools.db.$transaction(async (tx) => {
    await reservePlace(tx, organizationId, name);
    await tx.function.create({ data: { id, organizationId, name }, select: { id: true } });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "function.created",
      subject: id,
      detail: { name, template },
    });
  });
  const files = templateFiles(template);
  const firstDeploy = await deploy(tools, { organizationId, functionId: id, userId, files });
  return { id, name, files, firstDeploy };
}

/** Holds the organization's row, so that two who create at once can't both take the last place, or one name. */
async function reservePlace(tx: Tx, organizationId: Id<"organization">, name: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "organization" WHERE id = ${organizationId} FOR UPDATE`;
  const taken = await tx.function.findMany({ where: { organizationId }, select: { name: true } });
  if (taken.some((row) => row.name === name)) {
    throw new Fault("conflict", `There is already a function "${name}". Choose another name.`, { field: "name" });
  }
  if (taken.length >= FUNCTIONS_MAX) {
    throw new Fault(
      "too_many",
      `An organization has ${FUNCTIONS_MAX} functions at most. Delete one that is no longer used.`,
    );
  }
}

export async function listFunctions(db: Db, organizationId: Id<"organization">): Promise<FunctionSummary[]> {
  const rows = await db.function.findMany({
    where: { organizationId },
    orderBy: { name: "asc" },
    select: summaryColumns,
  });
  return rows.map(summary);
}

/** A function by its name; a fault when there is none in that organization. */
export async function functionByName(
  db: Db,
  of: { organizationId: Id<"organization">; name: string },
): Promise<FunctionSummary> {
  const row = await db.function.findUnique({
    where: { organizationId_name: { organizationId: of.organizationId, name: of.name } },
    select: summaryColumns,
  });
  if (!row) throw noSuchFunction();
  return summary(row);
}

/** Deletes a function with all its versions. What it used stays in the ledger. */
export async function deleteFunction(db: Db, of: FunctionKey & { userId: Id<"user"> }): Promise<void> {
  const { functionId, organizationId, userId } = of;
  await db.$transaction(async (tx) => {
    const row = await tx.function.findFirst({ where: { id: functionId, organizationId }, select: { name: true } });
    const { count } = await tx.function.deleteMany({ where: { id: functionId, organizationId } });
    if (!row || count === 0) throw noSuchFunction();
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "function.deleted",
      subject: functionId,
      detail: { name: row.name },
    });
    await notifyFunction(tx, functionId);
  });
}

const summaryColumns = {
  id: true,
  name: true,
  createdAt: true,
  activeDeployment: { select: { createdAt: true } },
} as const;

function summary(row: {
  id: string;
  name: string;
  createdAt: Date;
  activeDeployment: { createdAt: Date } | null;
}): FunctionSummary {
  const { id, name, createdAt, activeDeployment } = row;
  return { id: asId("function", id), name, createdAt, deployedAt: activeDeployment?.createdAt ?? null };
}
