import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { migrate } from "./migrate.ts";
import { testDatabase } from "./test-database.ts";

test("a migrated database is left as it is", async () => {
  await using database = await testDatabase();
  expect(await migrate(database.url)).toEqual([]);
});

test("the newest migration leads to the schema that the code was generated from", async () => {
  const { readFile } = await import("node:fs/promises");
  const prisma = join(import.meta.dirname, "../../prisma");
  const names = (await readdir(join(prisma, "migrations"))).filter((name) => /^\d{14}_/.test(name));
  const newest = names.toSorted().at(-1) ?? "";
  expect(await readFile(join(prisma, "migrations", newest, "schema.prisma"), "utf8")).toBe(
    await readFile(join(prisma, "schema.prisma"), "utf8"),
  );
});
