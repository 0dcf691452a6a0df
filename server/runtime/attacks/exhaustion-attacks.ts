import { ended, harmless, type Attack } from "./attack.ts";

const MEMORY = "memory limit: V8's heap, control group or watch";
const CPU = "CPU limit by the kernel's clock";
const WALL = "wall limit";
const OUTPUT = "output is read at a bounded rate";

const overMemory = ended("memory_limit", "cpu_limit", "function_crashed", "function_threw", "time_limit");
const overTime = ended("time_limit", "function_threw", "cpu_limit", "memory_limit");

/** Using up what is shared: CPU, memory, timers, descriptors, the platform's attention. */
export const exhaustionAttacks: Attack[] = [
  { name: "an endless loop", wall: CPU, code: `for (;;);`, expect: ended("cpu_limit") },
  {
    name: "an endless loop of microtasks",
    wall: CPU,
    code: `const again = () => Promise.resolve().then(again); return await again();`,
    expect: ended("cpu_limit", "memory_limit", "time_limit"),
  },
  {
    name: "a regular expression that backtracks",
    wall: CPU,
    code: `return /^(a+)+$/.test("a".repeat(40) + "!");`,
    expect: ended("cpu_limit"),
  },
  {
    name: "a flood of timers",
    wall: `${CPU}; ${MEMORY}`,
    code: `for (;;) { for (let i = 0; i < 20000; i++) setTimeout(() => {}, 100000); await scheduler.wait(0); }`,
    expect: harmless,
  },
  {
    name: "timers that make timers",
    wall: CPU,
    code: `const again = () => { setTimeout(again, 0); setTimeout(again, 0); }; again(); await scheduler.wait(2500); return "done";`,
    expect: harmless,
  },
  {
    name: "work after the answer without end",
    wall: `${CPU}; waitUntil's bound`,
    code: `ctx.waitUntil((async () => { for (;;) await scheduler.wait(1); })()); return "answered";`,
    expect: harmless,
  },
  {
    name: "objects without end",
    wall: MEMORY,
    code: `const kept = []; for (;;) kept.push({ a: Math.random(), b: "x".repeat(50) + kept.length });`,
    expect: overMemory,
  },
  {
    name: "ArrayBuffers without end",
    wall: MEMORY,
    code: `const kept = []; for (;;) { kept.push(new Uint8Array(8e6).fill(1)); await scheduler.wait(1); }`,
    expect: overMemory,
  },
  {
    name: "ArrayBuffers in one turn",
    wall: MEMORY,
    code: `const kept = []; for (let i = 0; i < 400; i++) kept.push(new Uint8Array(8e6).fill(1)); return kept.length;`,
    expect: overMemory,
  },
  {
    name: "memory of WebAssembly",
    wall: MEMORY,
    code: `const m = new WebAssembly.Memory({ initial: 1, maximum: 60000 }); for (;;) { m.grow(200); new Uint8Array(m.buffer).fill(1); await scheduler.wait(1); }`,
    expect: overMemory,
  },
  {
    name: "one huge string",
    wall: `${MEMORY}; V8's longest string`,
    code: `let s = "x"; for (;;) { s += s; if (s.length > 4e8) s = [...s].join(); }`,
    expect: harmless,
  },
  {
    name: "strings without end",
    wall: MEMORY,
    code: `const kept = []; for (;;) kept.push(String(Math.random()).repeat(10000).split("").join("-"));`,
    expect: overMemory,
  },
  {
    name: "a stream that is never read",
    wall: MEMORY,
    code: `new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1e6).fill(1)); } }, { highWaterMark: 1e9 }); await scheduler.wait(1500); return "filled";`,
    expect: harmless,
  },
  {
    name: "files in memory without end",
    wall: MEMORY,
    code: `const fs = await import("node:fs"); for (let i = 0; ; i++) { fs.writeFileSync("/tmp/" + i, Buffer.alloc(4e6, 1)); await scheduler.wait(1); }`,
    expect: harmless,
  },
  {
    name: "a bomb of gzip",
    wall: MEMORY,
    code: `const zlib = await import("node:zlib"); let b = zlib.gzipSync(Buffer.alloc(1e7)); const kept = []; for (let i = 0; i < 200; i++) kept.push(zlib.gunzipSync(b)); return kept.length;`,
    expect: harmless,
  },
  {
    name: "recursion without end",
    wall: "V8's stack",
    code: `const deep = () => deep() + 1; return deep();`,
    expect: harmless,
  },
  {
    name: "an answer that never comes",
    wall: WALL,
    code: `await scheduler.wait(1e6); return "late";`,
    expect: overTime,
  },
  {
    name: "an answer's body that never ends",
    wall: WALL,
    code: `return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(65536)); await scheduler.wait(1); } }));`,
    expect: harmless,
  },
  {
    name: "an answer's body that drips",
    wall: WALL,
    code: `return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(1)); await scheduler.wait(20); } }));`,
    expect: harmless,
  },
  {
    name: "lines without end",
    wall: OUTPUT,
    code: `for (let i = 0; ; i++) { console.log("flood " + i + "x".repeat(200)); if (i % 100 === 0) await scheduler.wait(0); }`,
    expect: harmless,
  },
  {
    name: "a line of many megabytes",
    wall: OUTPUT,
    code: `for (let i = 0; i < 4; i++) console.log("y".repeat(8e6)); return "printed";`,
    expect: harmless,
  },
  {
    name: "a line made to slow a regular expression",
    wall: "linear patterns over cut lines",
    code: `for (let i = 0; i < 20; i++) console.log("sluice-entry.js" + "\\n".repeat(30000)); return "printed";`,
    expect: harmless,
  },
  {
    name: "printing what is slow to print",
    wall: CPU,
    code: `const deep = {}; let o = deep; for (let i = 0; i < 1e5; i++) o = o.a = {}; console.log(deep, new Array(1e6).fill({})); return "printed";`,
    expect: harmless,
  },
  {
    name: "ten thousand headers",
    wall: "the gateway's bound on an answer's head",
    code: `const h = new Headers(); for (let i = 0; i < 10000; i++) h.append("x-" + i, "y"); return new Response("x", { headers: h });`,
    expect: harmless,
  },
  {
    name: "a header of a megabyte",
    wall: "the gateway's bound on an answer's head",
    code: `return new Response("x", { headers: { a: "y".repeat(1e6) } });`,
    expect: harmless,
  },
];
