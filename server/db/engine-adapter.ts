import { PrismaPg } from "@prisma/adapter-pg";
import { DriverAdapterError, type SqlMigrationAwareDriverAdapterFactory } from "@prisma/driver-adapter-utils";
import { DatabaseError, type Pool } from "pg";

/**
 * What the schema engine speaks to Postgres through. Prisma's adapter cuts a migration at every semicolon, be it within a
 * comment or a function, and runs the pieces one by one. Here the script is sent whole, as `prisma migrate` does: Postgres
 * then takes all of it or, where a statement fails, none.
 */
export function engineAdapter(pool: Pool): SqlMigrationAwareDriverAdapterFactory {
  const prisma = new PrismaPg(pool);
  return {
    provider: prisma.provider,
    adapterName: prisma.adapterName,
    async connect() {
      const adapter = await prisma.connect();
      adapter.executeScript = (script) => execute(pool, script);
      return adapter;
    },
    connectToShadowDb: () => prisma.connectToShadowDb(),
  };
}

async function execute(pool: Pool, script: string): Promise<void> {
  try {
    await pool.query(script);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const { code = "", severity = "ERROR", message, detail, column, hint } = error;
    throw new DriverAdapterError({ kind: "postgres", code, severity, message, detail, column, hint });
  }
}
