import { z } from "zod";

const fromPostgres = z.object({
  meta: z.object({ driverAdapterError: z.object({ cause: z.object({ originalCode: z.string() }) }) }),
});

/** Postgres's own code of a failed query ("57014", "23514"), or undefined when what was thrown is nothing that Postgres said. */
export function sqlStateOf(thrown: unknown): string | undefined {
  const parsed = fromPostgres.safeParse(thrown);
  return parsed.success ? parsed.data.meta.driverAdapterError.cause.originalCode : undefined;
}
