import { defineConfig } from "prisma/config";

// For people who run Prisma's own command line; Sluice itself migrates through server/db/migrate.ts.
export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env["DATABASE_URL"] ?? "" },
});
