import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readConsoleEnv, readRuntimeEnv, readSupervisorEnv, settingNames } from "./env.ts";

const console = {
  NODE_ENV: "production",
  DATABASE_URL: "postgresql://db.internal/sluice",
  INTERNAL_SECRET: "i".repeat(32),
  NEXTAUTH_SECRET: "n".repeat(32),
  NEXTAUTH_URL: "https://console.example.com",
  RUNTIME_URL: "http://127.0.0.1:8788",
  FUNCTIONS_DOMAIN: "example-functions.net",
} as const;

test("what is missing is named together with what to do about it", () => {
  const { DATABASE_URL: _, ...withoutDatabase } = console;
  expect(() => readConsoleEnv(withoutDatabase)).toThrow("DATABASE_URL: set DATABASE_URL, or start with `npm start`");
  expect(() => readRuntimeEnv({ NODE_ENV: "production" })).toThrow(
    /set DATABASE_URL[^]*set INTERNAL_SECRET to 32 random characters/,
  );
  expect(() => readConsoleEnv({ ...console, DATABASE_URL: "" })).toThrow("set DATABASE_URL");
});

test("in production, console and supervisor refuse a functions' domain from which cookies of the console could be set", () => {
  const near = { ...console, FUNCTIONS_DOMAIN: "functions.example.com" };
  expect(() => readConsoleEnv(near)).toThrow(
    "FUNCTIONS_DOMAIN: functions under functions.example.com could set cookies",
  );
  expect(() => readSupervisorEnv(near)).toThrow("both lie under example.com");
  expect(readConsoleEnv(console).FUNCTIONS_DOMAIN).toBe("example-functions.net");
  expect(readSupervisorEnv({ NODE_ENV: "production" }).FUNCTIONS_DOMAIN).toBe("localhost");
  expect(readConsoleEnv({ ...near, NODE_ENV: "development" }).FUNCTIONS_DOMAIN).toBe("functions.example.com");
});

test("CGROUP_PARENT is a group as /proc/self/cgroup names it, and nothing else", () => {
  const parentOf = (CGROUP_PARENT: string) =>
    readRuntimeEnv({ ...console, CGROUP_PARENT, FUNCTIONS_DOMAIN: undefined }).CGROUP_PARENT;
  expect(["", " ", "/", "/sluice", "/system.slice/sluice.service"].map(parentOf)).toEqual([
    undefined,
    undefined,
    "/",
    "/sluice",
    "/system.slice/sluice.service",
  ]);
  for (const wrong of ["sluice", "/a/../b", "/..", "/a/", "//a", "/sys/fs/cgroup/memory/sluice"])
    expect(() => parentOf(wrong)).toThrow("CGROUP_PARENT: ");
});

test(".env.example lists every setting that is read, each once and explained, and no other", () => {
  const lines = readFileSync(join(import.meta.dirname, "../.env.example"), "utf8").split("\n");
  const listed = lines.flatMap((line) => /^#([A-Z][A-Z0-9_]*)=\S* +# \S/.exec(line)?.[1] ?? []);
  expect(listed.toSorted()).toEqual([...new Set(settingNames())].toSorted());
});
