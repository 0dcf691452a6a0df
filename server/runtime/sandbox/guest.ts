/**
 * The modules of an instance: a console that says which request printed, a thin entry around the tenant's handlers, and
 * the tenant's bundle. They share the tenant's isolate on purpose: a worker of our own would cost 8 to 10 ms of start,
 * 2 MB and 0.3 ms a request (docs/decisions/0004). So nothing here is trusted: a tenant who tampers with it mislabels
 * its own log lines or its own 500s, and what it hides from a request's CPU is charged as background (meter/).
 */
export const TENANT_MODULE = "index.js";

/** Opens a printed line: mark, request id, mark. Private-use characters, which no one prints by accident. */
export const LINE_MARK = "\u{E5C0}";
/** Opens a line from the entry to the platform: "wait <id>" and "done <id>" around work given to waitUntil. */
export const CONTROL_MARK = "\u{E5C1}";

/**
 * What requests leave behind in native memory waits for a collection of V8's old generation, and V8, which counts only its
 * own part of it, sees no cause for one before that has grown to tens of megabytes: a function that only answers then held
 * 200 MB, and one that also reads its headers 390 MB, and was ended for it. So V8 is made to count this much from the
 * start, as a memory of WebAssembly that nobody touches and the kernel therefore never gives: it is dropped once it is old,
 * goes with the first collection, and after that V8 collects often enough by itself. It costs nothing that could be
 * measured at a start; V8's own flag for the same discards workerd's compiled start-up code, 3 ms of CPU each time.
 */
const BALLAST_SHARE = 0.75;
const BALLAST_MB_MAX = 192;
const WASM_PAGES_PER_MB = 16;
/** By then two collections of the young generation have made it old, so that it is not among what the next one frees. */
const BALLAST_REQUESTS = 4_000;

const consoleModule = (memoryMbMax: number): string => `
import { AsyncLocalStorage } from "node:async_hooks";
export const current = new AsyncLocalStorage();
const print = {};
for (const level of ["debug", "log", "info", "warn", "error"]) {
  const original = console[level].bind(console);
  print[level] = original;
  console[level] = (...args) => original("${LINE_MARK}" + (current.getStore()?.id ?? "") + "${LINE_MARK}", ...args);
}
export const tell = (word, id) => print.log("${CONTROL_MARK}" + word + " " + id);

let ballast = new WebAssembly.Memory({ initial: ${ballastPages(memoryMbMax)} }).buffer;
let requestsWithBallast = ${BALLAST_REQUESTS};
export const begun = () => {
  if (requestsWithBallast > 0 && --requestsWithBallast === 0) ballast = undefined;
};
`;

const entryModule = `
import { begun, current, tell } from "./sluice-console.js";
import * as tenant from "./${TENANT_MODULE}";
export * from "./${TENANT_MODULE}";

const given = tenant.default;
const isClass = typeof given === "function" && given.prototype !== undefined;

function watch(ctx, call) {
  const waitUntil = ctx.waitUntil.bind(ctx);
  let waiting = 0;
  ctx.waitUntil = (work) => {
    if (waiting++ === 0) tell("wait", call.id);
    const settled = () => { if (--waiting === 0) tell("done", call.id); };
    Promise.resolve(work).then(settled, (error) => {
      current.run(call, () => console.error(error instanceof Error ? error.stack ?? String(error) : error));
      settled();
    });
    waitUntil(Promise.resolve(work).catch(() => {}));
  };
}

async function guard(request, ctx, handle) {
  begun();
  const call = { id: request.headers.get("x-request-id") ?? "" };
  watch(ctx, call);
  return current.run(call, async () => {
    try {
      const response = await handle();
      if (response instanceof Response) {
        const unread = request.body !== null && !request.bodyUsed && !request.body.locked && response.body !== request.body;
        // workerd closes on a large body that nobody reads, and the answer would be lost with the connection.
        if (unread) await request.body.pipeTo(new WritableStream()).catch(() => {});
        return response;
      }
      throw new TypeError("fetch() must return a Response, but it returned " + (response === null ? "null" : typeof response));
    } catch (error) {
      console.error("Uncaught", error instanceof Error ? error.stack ?? String(error) : error);
      return new Response(null, { status: 500, headers: { "x-sluice-outcome": "function_threw" } });
    }
  });
}

const missing = () => { throw new TypeError("The default export has no fetch() handler: export default { fetch(request, env, ctx) { … } }"); };

export default isClass
  ? class extends given {
      fetch(request) { return guard(request, this.ctx, () => (super.fetch ?? missing).call(this, request)); }
    }
  : {
      ...given,
      fetch(request, env, ctx) {
        return guard(request, ctx, () => (typeof given?.fetch === "function" ? given.fetch(request, env, ctx) : missing()));
      },
    };
`;

/** The first is workerd's main module. */
export function guestModules(bundle: string, memoryMbMax: number): { name: string; source: string }[] {
  return [
    { name: "sluice-entry.js", source: entryModule },
    { name: "sluice-console.js", source: consoleModule(memoryMbMax) },
    { name: TENANT_MODULE, source: bundle },
  ];
}

function ballastPages(memoryMbMax: number): number {
  return Math.min(Math.floor(memoryMbMax * BALLAST_SHARE), BALLAST_MB_MAX) * WASM_PAGES_PER_MB;
}
