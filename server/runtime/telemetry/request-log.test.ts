import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "#server/std/log.ts";
import { openRequestLog, RequestLog } from "./request-log.ts";
import { endedCall, tracedCall } from "./test-calls.ts";

const log = createLog("test", "silent");
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-lines-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const open = (target: string) => new RequestLog({ fd: openRequestLog(target), epoch: 7n, region: "test", log });

test("a request is one line with all there is to say of it, and without its query", async () => {
  const path = join(dir, "requests.log");
  const lines = open(path);
  const traced = tracedCall(2, { coldStart: true, startUs: 15_000 });
  lines.write(endedCall(1));
  lines.write(traced);
  lines.write(endedCall(3, { status: 502, outcome: "platform_failed" }));
  await lines.close(5_000);
  const [first, second, third] = (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(first).toEqual({
    level: 30,
    process: "runtime",
    region: "test",
    time: "2026-11-24T10:00:00.123Z",
    requestId: "req_1",
    organizationId: "org_1",
    functionId: "fn_1",
    versionId: "ver_1",
    method: "GET",
    path: "/hello",
    status: 200,
    outcome: "ok",
    wallUs: 2_500,
    cpuNs: 800_000,
    coldStart: false,
    startUs: null,
    ingressBytes: 0,
    egressBytes: 12,
    epoch: "7",
    seq: 1,
    msg: "request",
  });
  expect(second).toMatchObject({ traceId: traced.trace.traceId, spanId: traced.trace.spanId, startUs: 15_000 });
  expect(third).toMatchObject({ level: 50, outcome: "platform_failed" });
});

test("lines are added to a file that is there", async () => {
  const path = join(dir, "requests.log");
  for (const seq of [1, 2]) {
    const lines = open(path);
    lines.write(endedCall(seq));
    await lines.close(5_000);
  }
  expect((await readFile(path, "utf8")).match(/"seq":\d/g)).toEqual(['"seq":1', '"seq":2']);
});

test("a reader that does not read costs lines, which are counted, and holds nothing up", async () => {
  const path = join(dir, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK); // so that the pipe can be opened, and is full soon
  const lines = open(path);
  const beganAt = performance.now();
  for (let seq = 1; seq <= 12_000; seq += 1) lines.write(endedCall(seq, { path: `/${"p".repeat(500)}` }));
  expect(performance.now() - beganAt).toBeLessThan(20_000);
  expect(lines.droppedLines).toBeGreaterThan(1_000);
  await lines.close(200);
  closeSync(reader);
});

test("a full disk is told once, however many lines meet it, and ends nothing", async () => {
  const told: string[] = [];
  const operators = pino({}, { write: (line: string) => told.push(line) });
  const lines = new RequestLog({ fd: openRequestLog("/dev/full"), epoch: 7n, region: "test", log: operators });
  for (let seq = 1; seq <= 20; seq += 1) {
    lines.write(endedCall(seq));
    await turn();
  }
  await expect.poll(() => told.length).toBe(1);
  await lines.close(200);
  expect(told).toEqual([expect.stringContaining("the request log cannot be written")]);
});
