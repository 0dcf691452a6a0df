import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "./generated/client.ts";

export type Db = PrismaClient;
/** What both a client and an open transaction can do. */
export type Tx = Parameters<Parameters<PrismaClient["$transaction"]>[0]>[0];

/** A Prisma client on a pool of its own. Connects at first use; end it with `$disconnect()`. */
export function connect(databaseUrl: string, options: { connectionsMax?: number } = {}): Db {
  const adapter = new PrismaPg({ connectionString: databaseUrl, max: options.connectionsMax ?? 10 });
  return new PrismaClient({ adapter });
}
