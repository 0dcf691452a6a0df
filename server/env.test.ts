import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readConsoleEnv, readRuntimeEnv, readSupervisorEnv, requestLogTarget, settingNames } from "./env.ts";

const console = {
  NODE_ENV: "production",
  DATABASE_URL: "postgresql://db.internal/sluice",
  INTERNAL_SECRET: "i".repeat(32),
  SECRETS_KEY: "s".repeat(32),
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

const runtime = {
  NODE_ENV: "test",
  DATABASE_URL: "postgresql://unused",
  INTERNAL_SECRET: "i".repeat(32),
  SECRETS_KEY: "s".repeat(32),
} as const;

test("a runtime starts with and without the key that access keys are sealed with, and refuses one that is too short", () => {
  const { SECRETS_KEY: _, ...without } = runtime;
  expect(readRuntimeEnv(without).SECRETS_KEY).toBeUndefined();
  expect(readRuntimeEnv({ ...without, S3_PORT: "0" }).S3_PORT).toBe(0);
  expect(readRuntimeEnv(runtime).S3_PORT).toBe(9000);
  expect(() => readRuntimeEnv({ ...runtime, SECRETS_KEY: "short" })).toThrow("32 random characters");
});

test("request lines go to standard output by default, and to none under the supervisor, whose ready line stands alone there", () => {
  const target = (more: object) => requestLogTarget(readRuntimeEnv({ ...runtime, ...more }));
  expect(target({})).toBe(1);
  expect(target({ SLUICE_LIFELINE: "1" })).toBeNull();
  expect(target({ SLUICE_LIFELINE: "1", REQUEST_LOG: "stdout" })).toBe(2);
  expect(target({ REQUEST_LOG: "stderr" })).toBe(2);
  expect(target({ REQUEST_LOG: "off" })).toBeNull();
  expect(target({ REQUEST_LOG: "/var/log/requests.log" })).toBe("/var/log/requests.log");
});

test("a collector is named by OpenTelemetry's own variables, and what is no address or no share is refused with what to do", () => {
  const read = readRuntimeEnv({
    ...runtime,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Basic%20dTpw, x-scope = a=b ,,broken,p=100%",
    TRACE_SAMPLE_RATIO: "0.25",
  });
  expect(read.OTEL_EXPORTER_OTLP_HEADERS).toEqual({ authorization: "Basic dTpw", "x-scope": "a=b", p: "100%" });
  expect(read.TRACE_SAMPLE_RATIO).toBe(0.25);
  expect(readRuntimeEnv({ ...runtime, TRACE_SAMPLE_RATIO: "", OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toMatchObject({
    OTEL_EXPORTER_OTLP_HEADERS: {},
  });
  expect(readRuntimeEnv({ ...runtime, TRACE_SAMPLE_RATIO: "" }).TRACE_SAMPLE_RATIO).toBeUndefined();
  expect(() => readRuntimeEnv({ ...runtime, OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318" })).toThrow(
    "set it to the collector's address, such as http://127.0.0.1:4318",
  );
  expect(() => readRuntimeEnv({ ...runtime, TRACE_SAMPLE_RATIO: "2" })).toThrow("TRACE_SAMPLE_RATIO");
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
