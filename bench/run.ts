import { rmSync } from "node:fs";
import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBubblewrap, generateClient } from "#server/supervisor/prepare.ts";

/**
 * `npm run bench`: every figure beside its anchor, in one run of about thirteen minutes, which writes RESULTS.md.
 * `npm run bench -- warm cold` takes the parts that are named, and only prints.
 */
const RUN_MS_MAX = 25 * 60_000;
const resultsPath = join(import.meta.dirname, "RESULTS.md");
const say = (text: string): void => console.error(`bench: ${text}`);

// A Ctrl-C ends through `exit`, where whatever still runs is ended.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
setTimeout(() => {
  say(`ended after ${RUN_MS_MAX / 60_000} minutes: something hangs, or the machine is far too busy`);
  process.exit(1);
}, RUN_MS_MAX).unref();

await ensureBubblewrap(say);
await generateClient(say);
// Only now: what they import needs the client that was just made.
const { isPartName, partNames, runParts } = await import("./parts.ts");

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !isPartName(name));
if (unknown.length > 0) {
  say(`there is no part ${unknown.join(", ")}; there are ${partNames.join(", ")}`);
  process.exit(1);
}
const dir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
// After the processes were ended: child.ts was loaded first, and its handler comes first.
process.on("exit", () => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
await chmod(dir, 0o711); // the sandbox's account passes through it
const isWhole = asked.length === 0;
const { text, hasFailed } = await runParts((isWhole ? partNames : asked).filter(isPartName), dir, say);
if (isWhole) await writeFile(resultsPath, text);
console.log(`\n${text}`);
process.exit(hasFailed ? 1 : 0);
