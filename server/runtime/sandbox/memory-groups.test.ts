import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { messageOf } from "#server/std/fault.ts";
import { askNeighbour, NEIGHBOUR_BUNDLE } from "#server/runtime/test-neighbour.ts";
import { callFunction, eventually, testRuntime, type TestRuntime } from "#server/runtime/test-runtime.ts";
import { hostTrees } from "./open-host.ts";
import { openProbeHost, probeVersion } from "./probe-host.ts";
import { memoryBytesBound, type Exit } from "./sandbox.ts";
import { delegateGroup, type Delegation } from "./test-delegation.ts";

type Made = Extract<Delegation, { kind: "made" }>;

const limits = { memoryMbMax: 64, cpuMsMax: 20_000 };
const MEMORY_BYTES_MAX = memoryBytesBound(limits);
/** Beyond its group's bound a process has what it shares with others: the pages of the program's own file. */
const SHARED_BYTES_MAX = 80 * 1024 * 1024;

/** Ways to fill memory, and who ends them: V8 knows its own heap, where texts and objects are, and nothing else. */
const fillings = {
  buffers: { code: `for (;;) kept.push(new Uint8Array(8e6).fill(1));`, endedBy: "kernel" },
  smallBuffers: { code: `for (;;) kept.push(new Uint8Array(262144).fill(1));`, endedBy: "kernel" },
  wasm: {
    code: `const memory = new WebAssembly.Memory({ initial: 1, maximum: 60000 }); for (;;) { memory.grow(200); new Uint8Array(memory.buffer).fill(1); }`,
    endedBy: "kernel",
  },
  files: {
    code: `const fs = await import("node:fs"); for (let i = 0; ; i++) fs.writeFileSync("/tmp/" + i, Buffer.alloc(4e6, 1));`,
    endedBy: "kernel",
  },
  objects: { code: `for (;;) kept.push({ n: Math.random(), text: "x".repeat(100) + kept.length });`, endedBy: "V8" },
  strings: { code: `for (;;) kept.push(new TextDecoder().decode(new Uint8Array(4e6).fill(120)));`, endedBy: "V8" },
} as const;
const ways = Object.keys(fillings) as (keyof typeof fillings)[];

const bundle = `
export default {
  async fetch(request) {
    const kept = [];
    switch (new URL(request.url).pathname.slice(1)) {
      ${Object.entries(fillings)
        .map(([name, { code }]) => `case "${name}": { ${code} }`)
        .join("\n")}
      default: return new Response("hello");
    }
  },
};`;

test("memory past the limit is ended by the kernel where V8 does not bound it, and never passes the limit; where no group may be made, the test says why", async () => {
  await inDelegatedGroup("ends", async ({ parent }) => {
    await using host = await openProbeHost({
      cgroupParent: parent,
      onTrouble: (_message, error) => expect.fail(messageOf(error)),
    });
    for (const way of ways) {
      const sandbox = await host.start();
      const highest = highestMemory(sandbox.pid);
      for (const stream of sandbox.output) stream.resume();
      sandbox.configure(probeVersion(`const kept = []; ${fillings[way].code} export default {};`, limits));
      const exit = await sandbox.exited;
      expect([way, exit]).toEqual([way, endings[fillings[way].endedBy]]);
      expect(highest.stop()).toBeLessThan(MEMORY_BYTES_MAX + SHARED_BYTES_MAX);
    }
  });
});

const endings: Record<"kernel" | "V8", Exit> = {
  kernel: { code: 137, signal: null, isOutOfMemory: true },
  V8: { code: 1, signal: null, isOutOfMemory: false },
};

test("the caller is told memory_limit, the ledger has what was burnt, and a neighbour has every answer; where no group may be made, the test says why", async () => {
  await inDelegatedGroup("calls", async ({ parent }) => {
    await using runtime = await testRuntime({ CGROUP_PARENT: parent, WARM_POOL_SIZE: "1" });
    const { host } = await runtime.deploy("hungry", bundle, limits);
    const beside = await runtime.deploy("beside", NEIGHBOUR_BUNDLE, {}, "beside");
    const neighbour = askNeighbour(runtime, beside.host);
    for (const way of ways) {
      const answer = await callFunction(runtime, host, { path: `/${way}` });
      expect([way, answer.status, answer.text]).toEqual([way, 502, expect.stringContaining(`"memory_limit"`)]);
      const row = await eventually(() => usageOf(runtime, `/${way}`), Boolean);
      expect([way, row?.outcome, row?.status]).toEqual([way, "memory_limit", 502]);
      expect(row?.cpuNs).toBeGreaterThan(10_000_000n);
    }
    const { asked, wrong } = await neighbour.stop();
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(20);
  });
});

/** Runs in a group as an operator makes one, and removes it; where the kernel gives none, that none is used is what's left to test. */
async function inDelegatedGroup(name: string, run: (delegation: Made) => Promise<void>): Promise<void> {
  const delegation = delegateGroup(`sluice-test-${name}-${process.pid}`);
  switch (delegation.kind) {
    case "made":
      try {
        return await run(delegation);
      } finally {
        await delegation.remove();
      }
    case "bounded":
      return expect(delegation.bytes).toBeGreaterThan(0);
    case "refused":
      expect(["EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY"]).toContain(delegation.errno);
      expect(hostTrees(`/sluice-test-${name}`).obstacles.get("memory")?.kind).toBeTypeOf("string");
  }
}

/** The most that a process was seen to hold, by the kernel's own high-water mark. */
function highestMemory(pid: number): { stop(): number } {
  let highest = 0;
  const timer = setInterval(() => {
    try {
      const kb = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
      highest = Math.max(highest, kb * 1024);
    } catch {
      // It is gone.
    }
  }, 2);
  return {
    stop() {
      clearInterval(timer);
      return highest;
    },
  };
}

function usageOf({ database }: TestRuntime, path: string) {
  return database.db.usageEvent.findFirst({
    where: { path },
    select: { outcome: true, status: true, cpuNs: true },
  });
}
