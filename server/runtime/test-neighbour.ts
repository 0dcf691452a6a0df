import { setTimeout as sleep } from "node:timers/promises";
import { callFunction, type TestRuntime } from "./test-runtime.ts";

/** Bundle of a function that only answers. */
export const NEIGHBOUR_BUNDLE = `export default { fetch: () => new Response("neighbour") };`;
const ASK_EVERY_MS = 20;

/** Asks the function all the time, as a tenant beside the one under test would. */
export function askNeighbour(
  runtime: TestRuntime,
  host: string,
): { stop(): Promise<{ asked: number; wrong: string[] }> } {
  const stopping = new AbortController();
  const wrong: string[] = [];
  let asked = 0;
  const done = (async () => {
    while (!stopping.signal.aborted) {
      const answer = await callFunction(runtime, host).catch((error: unknown) => ({ status: 0, text: String(error) }));
      asked += 1;
      if (answer.status !== 200 || answer.text !== "neighbour") wrong.push(`${answer.status} ${answer.text}`);
      await sleep(ASK_EVERY_MS);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await done;
      return { asked, wrong };
    },
  };
}
