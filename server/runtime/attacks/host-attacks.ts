import { gets, harmless, refused, type Attack } from "./attack.ts";

const API = "workerd's interface: no files, processes or sockets of the host";
const ROOT = "read-only root with the program and its libraries only";
const ENVIRONMENT = "cleared environment";

/** Code runs as text; what it finds of the file system is workerd's own, in memory. */
const read = (path: string): string =>
  `const fs = await import("node:fs"); return fs.readFileSync(${JSON.stringify(path)}, "utf8");`;

/** Reaching for the host: its files, its processes, its environment, native code. */
export const hostAttacks: Attack[] = [
  ...[
    "/etc/passwd",
    "/etc/shadow",
    "/proc/self/environ",
    "/proc/self/maps",
    "/proc/1/cmdline",
    "/proc/self/fd/3",
    "/s/out.sock",
    "/workerd",
    "/sys/fs/cgroup/memory.max",
    "/dev/mem",
  ].map((path): Attack => ({ name: `read ${path}`, wall: `${API}; ${ROOT}`, code: read(path), expect: refused })),
  { name: "read through dots", wall: API, code: read("/bundle/../../../../etc/passwd"), expect: refused },
  {
    name: "read through a file: URL",
    wall: API,
    code: `const fs = await import("node:fs"); return fs.readFileSync(new URL("file:///etc/passwd"), "utf8");`,
    expect: refused,
  },
  {
    name: "list the root",
    wall: API,
    code: `const fs = await import("node:fs"); return fs.readdirSync("/").toSorted().join();`,
    expect: gets(/^got bundle,dev,tmp$/),
  },
  {
    name: "a symbolic link out of the bundle",
    wall: API,
    code: `const fs = await import("node:fs"); fs.symlinkSync("/etc/passwd", "/tmp/link"); return fs.readFileSync("/tmp/link", "utf8");`,
    expect: refused,
  },
  {
    name: "write into the bundle",
    wall: API,
    code: `const fs = await import("node:fs"); fs.writeFileSync("/bundle/index.js", "evil"); return "written";`,
    expect: refused,
  },
  { name: "fetch a file: URL", wall: API, code: `return (await fetch("file:///etc/passwd")).text();`, expect: refused },
  ...[
    "/etc/passwd",
    "file:///etc/passwd",
    "/proc/self/environ",
    "../../../etc/passwd",
    "data:text/javascript,export default 1",
    "workerd:unsafe",
    "workerd:rtti",
    "cloudflare-internal:http",
    "node-internal:internal_errors",
  ].map((specifier): Attack => ({
    name: `import ${specifier}`,
    wall: API,
    code: `const m = await import(${JSON.stringify(specifier)}); return Object.keys(m).join();`,
    expect: refused,
  })),
  ...["spawnSync", "execSync", "execFileSync"].map((call): Attack => ({
    name: `child_process.${call}`,
    wall: `${API}; list of system calls (no fork)`,
    code: `const c = await import("node:child_process"); return c.${call}("/workerd", ["--version"]).toString();`,
    expect: refused,
  })),
  {
    name: "child_process.fork",
    wall: `${API}; list of system calls`,
    code: `const c = await import("node:child_process"); return c.fork("/bundle/index.js").pid;`,
    expect: refused,
  },
  {
    name: "worker_threads",
    wall: API,
    code: `const w = await import("node:worker_threads"); return new w.Worker("while(1);", { eval: true }).threadId;`,
    expect: refused,
  },
  {
    name: "cluster",
    wall: API,
    code: `const c = await import("node:cluster"); return c.default.fork().id;`,
    expect: refused,
  },
  {
    name: "signal the parent and everyone",
    wall: `${API}; PID namespace; list of system calls (no kill)`,
    code: `for (const pid of [0, 1, -1, 2, process.ppid]) process.kill(pid, "SIGKILL"); return "sent";`,
    expect: refused,
  },
  {
    name: "load native code",
    wall: API,
    code: `process.dlopen({ exports: {} }, "/lib/x86_64-linux-gnu/libc.so.6"); return "loaded";`,
    expect: refused,
  },
  {
    name: "process.binding",
    wall: API,
    code: `return Object.keys(process.binding("spawn_sync")).join();`,
    expect: refused,
  },
  {
    name: "process.abort",
    wall: "one process an instance",
    code: `process.abort(); return "alive";`,
    expect: harmless,
  },
  {
    name: "the environment",
    wall: ENVIRONMENT,
    code: `return JSON.stringify([Object.keys(process.env), Object.keys(env), process.argv.length < 3]);`,
    expect: gets(/^got \[\[\],\[\],true\]$/),
  },
  {
    name: "who the host is",
    wall: "UTS namespace; workerd's interface",
    code: `const os = await import("node:os"); return [os.hostname(), os.userInfo?.().username, Object.keys(os.networkInterfaces()).length].join();`,
    expect: harmless,
  },
  {
    name: "heap snapshots and inspector",
    wall: API,
    code: `const i = await import("node:inspector"); i.open(9229, "0.0.0.0"); return i.url();`,
    expect: harmless,
  },
  { name: "eval", wall: "V8: no code from texts", code: `return eval("1 + 1");`, expect: refused },
  { name: "new Function", wall: "V8: no code from texts", code: `return new Function("return 1")();`, expect: refused },
  {
    name: "the constructor of an async function",
    wall: "V8: no code from texts",
    code: `return (async () => {}).constructor("return 1")();`,
    expect: refused,
  },
  {
    name: "node:vm",
    wall: "V8: no code from texts",
    code: `const vm = await import("node:vm"); return vm.runInThisContext("1 + 1");`,
    expect: refused,
  },
  {
    name: "WebAssembly from bytes",
    wall: "V8: no machine code from bytes",
    code: `return (await WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))).instance;`,
    expect: refused,
  },
];
