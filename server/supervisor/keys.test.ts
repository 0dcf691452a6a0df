import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readOrMakeKeys } from "./prepare.ts";

let dir = "";
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), "sluice-keys-"))));
afterAll(() => rm(dir, { recursive: true, force: true }));

test("keys of an older version stay as they are, what is new is added once, and only its owner reads the file", async () => {
  const path = join(dir, "keys.json");
  const old = { nextAuthSecret: "n".repeat(43), internalSecret: "i".repeat(43) };
  await writeFile(path, JSON.stringify(old), { mode: 0o600 });
  const keys = readOrMakeKeys(dir);
  expect(keys).toMatchObject(old);
  expect(keys.secretsKey).toMatch(/^[\w-]{43}$/);
  expect(readOrMakeKeys(dir)).toEqual(keys);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual(keys);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});
