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

const consoleModule = `
import { AsyncLocalStorage } from "node:async_hooks";
export const current = new AsyncLocalStorage();
const print = {};
for (const level of ["debug", "log", "info", "warn", "error"]) {
  const original = console[level].bind(console);
  print[level] = original;
  console[level] = (...args) => original("${LINE_MARK}" + (current.getStore()?.id ?? "") + "${LINE_MARK}", ...args);
}
export const tell = (word, id) => print.log("${CONTROL_MARK}" + word + " " + id);
`;

const entryModule = `
import { current, tell } from "./sluice-console.js";
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
export function guestModules(bundle: string): { name: string; source: string }[] {
  return [
    { name: "sluice-entry.js", source: entryModule },
    { name: "sluice-console.js", source: consoleModule },
    { name: TENANT_MODULE, source: bundle },
  ];
}
