import { readFileSync } from "node:fs";
import { Pool } from "undici";
import { expect, test } from "vitest";
import { messageOf } from "#server/std/fault.ts";
import { openProbeHost, probeVersion } from "./probe-host.ts";

const REQUESTS = 40_000;
const CALLERS = 50;
const MB = 1024 * 1024;
const PAGE_BYTES = 4096;
/** Where V8 collects only when its own heap has grown, this came to 240 MB and more, on the way to 390. */
const PRIVATE_BYTES_MAX = 150 * MB;

const innocent = `export default { async fetch(request) {
  const body = await request.text();
  return Response.json({ length: body.length, headers: [...request.headers] });
} };`;

test("a function that keeps nothing stays far below its limit, however many requests it answers", async () => {
  await using host = await openProbeHost({
    cgroupParent: undefined,
    onTrouble: (_message, error) => expect.fail(messageOf(error)),
  });
  const sandbox = await host.start();
  for (const stream of sandbox.output) stream.resume();
  sandbox.configure(probeVersion(innocent, { memoryMbMax: 128 }));
  await sandbox.listening;
  const pool = new Pool("http://function", { socketPath: sandbox.inSocketPath, connections: CALLERS, pipelining: 1 });
  const headers = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-header-${at}`, "v".repeat(40)]));
  let left = REQUESTS;
  let highest = 0;
  const call = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { statusCode, body } = await pool.request({ path: "/", method: "POST", headers, body: "x".repeat(2_000) });
      await body.dump();
      expect(statusCode).toBe(200);
      if (left % 200 === 0) highest = Math.max(highest, privateBytes(sandbox.pid));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  await pool.destroy();
  await sandbox.kill();
  expect(highest).toBeGreaterThan(5 * MB);
  expect(highest).toBeLessThan(PRIVATE_BYTES_MAX);
});

function privateBytes(pid: number): number {
  const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ").map(Number);
  return (resident - shared) * PAGE_BYTES;
}
