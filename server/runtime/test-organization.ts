import { newId } from "#server/std/id.ts";
import { callFunction, eventually, type DeployedFunction, type TestRuntime } from "./test-runtime.ts";

/** Gives a function that was not called yet to another organization; it has answered there once. */
export async function moveToOrganization(
  runtime: TestRuntime,
  fn: DeployedFunction,
  slug: string,
): Promise<{ host: string; organizationId: string }> {
  const { db } = runtime.database;
  const existing = await db.organization.findUnique({ where: { slug }, select: { id: true } });
  const organizationId = existing?.id ?? newId("organization");
  if (!existing) await db.organization.create({ data: { id: organizationId, slug, name: slug }, select: { id: true } });
  await db.function.update({ where: { id: fn.functionId }, data: { organizationId }, select: { id: true } });
  await db.$executeRaw`SELECT pg_notify('sluice_function', ${fn.functionId})`;
  const host = fn.host.replace("--acme.", `--${slug}.`);
  await eventually(
    () => callFunction(runtime, host),
    ({ status }) => status === 200,
  );
  return { host, organizationId };
}
