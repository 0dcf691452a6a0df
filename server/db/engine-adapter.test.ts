import { Pool } from "pg";
import { expect, test } from "vitest";
import { engineAdapter } from "./engine-adapter.ts";
import { emptyTestDatabase } from "./test-database.ts";

test("a migration that fails half-way leaves nothing behind, and its error is Postgres's own", async () => {
  await using database = await emptyTestDatabase();
  const pool = new Pool({ connectionString: database.url });
  const adapter = await engineAdapter(pool).connect();
  const failing = adapter.executeScript("CREATE TABLE half (id INT);\nSELECT 1 / 0;");
  await expect(failing).rejects.toMatchObject({ cause: { kind: "postgres", code: "22012" } });
  expect((await pool.query("SELECT to_regclass('half') AS half")).rows).toEqual([{ half: null }]);
  await pool.end();
});

test("a semicolon within a comment, a text or a function ends no statement", async () => {
  await using database = await emptyTestDatabase();
  const pool = new Pool({ connectionString: database.url });
  const adapter = await engineAdapter(pool).connect();
  await adapter.executeScript(`
    -- one; two
    CREATE TABLE kept (text TEXT DEFAULT 'a;b');
    DO $$ BEGIN INSERT INTO kept DEFAULT VALUES; INSERT INTO kept DEFAULT VALUES; END $$;`);
  expect((await pool.query("SELECT text FROM kept")).rows).toEqual([{ text: "a;b" }, { text: "a;b" }]);
  await pool.end();
});
