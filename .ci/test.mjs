// `npm test`: all that has to pass, from a fresh clone, under whatever Node (20 or newer) the machine has.
// Each static check counts as one; the last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const bin = join(root, "node_modules/.bin");
const node = join(bin, "node");
const counts = { passed: 0, failed: 0 };

const say = (text) => console.log(`\n── ${text}`);

function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...env },
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

/** A step that must succeed before anything else makes sense. */
async function need(what, command, args, env) {
  say(what);
  if ((await run(command, args, env)) === 0) return;
  console.log(`\n${what}: failed`);
  finish({ passed: counts.passed, failed: counts.failed + 1 });
}

async function check(what, command, args) {
  say(what);
  const ok = (await run(command, args)) === 0;
  counts[ok ? "passed" : "failed"] += 1;
  if (!ok) console.log(`\n${what}: failed`);
}

function finish({ passed, failed }) {
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}

/** The sandbox and the browser come from the system: installed where we are root, asked for where not. */
async function ensurePrograms() {
  const has = (name) => ["/usr/local/bin", "/usr/bin", "/bin"].some((dir) => existsSync(join(dir, name)));
  const missing = [
    ["bwrap", "bubblewrap"],
    ["chromium", "chromium"],
  ]
    .filter(([program]) => !has(program))
    .map(([, name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    console.log(`Missing: run \`sudo apt-get install ${missing.join(" ")}\`, then start the tests again.`);
    finish({ passed: 0, failed: 1 });
  }
  await need("package lists", "apt-get", ["update", "-q"]);
  await need(
    `installing ${missing.join(" and ")}`,
    "apt-get",
    ["install", "-y", "-q", "--no-install-recommends", ...missing],
    { DEBIAN_FRONTEND: "noninteractive" },
  );
}

async function suite(what, args, count) {
  say(what);
  const dir = mkdtempSync(join(tmpdir(), "sluice-report-"));
  const report = join(dir, "report.json");
  const code = await run(node, args(report), { PLAYWRIGHT_JSON_OUTPUT_NAME: report });
  const result = existsSync(report) ? count(JSON.parse(readFileSync(report, "utf8"))) : { passed: 0, failed: 0 };
  rmSync(dir, { recursive: true, force: true });
  counts.passed += result.passed;
  // A runner that fails without a failed test (a broken set-up, an unhandled error) is a failure too.
  counts.failed += code !== 0 && result.failed === 0 ? 1 : result.failed;
}

await need("installing", process.execPath, [join(root, "server/supervisor/start.mjs"), "--install-only"]);
await ensurePrograms();
await need("building", node, [join(root, "server/supervisor/build.ts")]);

await check("format", join(bin, "oxfmt"), ["--check"]);
await check("lint", join(bin, "oxlint"), ["--type-aware", "--deny-warnings"]);
await check("types", join(bin, "tsc"), ["--noEmit"]);
await check("unused code and packages", join(bin, "knip"), []);
const vitest = (config) => (report) => [
  "node_modules/vitest/vitest.mjs",
  "run",
  `--config=${config}`,
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
];
const countedByVitest = ({ numPassedTests, numFailedTests }) => ({ passed: numPassedTests, failed: numFailedTests });
await suite("unit, database and runtime tests", vitest("vitest.config.ts"), countedByVitest);
await suite(
  "journeys in a browser",
  () => ["node_modules/@playwright/test/cli.js", "test", "--reporter=list,json"],
  ({ stats }) => ({ passed: stats.expected, failed: stats.unexpected + stats.skipped + stats.flaky }),
);
await suite("long tests", vitest("vitest.long.config.ts"), countedByVitest);
finish(counts);
