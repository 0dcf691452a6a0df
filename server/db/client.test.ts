import { expect, test } from "vitest";
import { connect, disconnect, poolOf } from "./client.ts";
import { testDatabase } from "./test-database.ts";

test("a client's pool is found by another instance of the module too, as Next makes one a bundle", async () => {
  await using database = await testDatabase();
  const copyPath = new URL("./client.ts?copy", import.meta.url).href;
  const copy: unknown = await import(copyPath);
  if (!isClientModule(copy)) throw new Error("the copy is not the same module");
  expect(copy.poolOf).not.toBe(poolOf);
  expect(copy.poolOf(database.db)).toBe(poolOf(database.db));
});

test("a client of which only the pool was used ends its connections too, as one that Prisma used does", async () => {
  await using database = await testDatabase();
  for (const use of ["pool", "prisma", "neither"] as const) {
    const db = connect(database.url);
    if (use === "pool") await poolOf(db).query("SELECT 1");
    if (use === "prisma") await db.user.count();
    await disconnect(db);
    expect([use, poolOf(db).totalCount, poolOf(db).ended]).toEqual([use, 0, true]);
  }
});

function isClientModule(module: unknown): module is { poolOf: typeof poolOf } {
  return typeof module === "object" && module !== null && "poolOf" in module && typeof module.poolOf === "function";
}
