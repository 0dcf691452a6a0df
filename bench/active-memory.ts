import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { DeployedFunction } from "./database.ts";
import { callOnce } from "./load.ts";
import { megabytes, table, whole } from "./markdown.ts";
import { atMost, type Findings, type Stage } from "./part.ts";
import { median } from "./percentile.ts";
import { startPlatform, type Platform } from "./platform-under-test.ts";
import { memoryOf, ownProcessesOf, sandboxesOf, type Memory, type Process } from "./process-tree.ts";

const ORGANIZATIONS = 20;
const FUNCTIONS_EACH = 10;
const FUNCTIONS = ORGANIZATIONS * FUNCTIONS_EACH;
const ROUNDS = 5;
/** Each is called so often before the first look: more than once, so that what is made lazily is there. */
const CALLS_FIRST = 5;
const CALLS_AT_ONCE = 4;
const SETTLE_MS = 1_000;
/** How long a call is held, so that one of each function is under way when their memory is looked at. */
const HOLD_MS = 6_000;

const holdingBundle = `export default {
  async fetch(request) {
    if (new URL(request.url).pathname === "/hold") await new Promise((resolve) => setTimeout(resolve, ${HOLD_MS}));
    return new Response("held\\n");
  },
};`;

type Round = { workerds: Memory; watchers: Memory; gateway: Memory; sandboxes: number };

/** What a function costs in memory while it is active, with 200 of them at once. */
export async function memoryPart({ postgres, dir, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const functions: DeployedFunction[] = [];
  for (let at = 0; at < ORGANIZATIONS; at += 1) {
    const names = Array.from({ length: FUNCTIONS_EACH }, (_, i) => ({ name: `active-${i}`, bundle: holdingBundle }));
    functions.push(...(await database.addFunctions(await database.addOrganization(`organization-${at}`), names)));
  }
  // None may be stopped for being idle while the others are called.
  const env = { INSTANCE_IDLE_MS: "600000" };
  await using platform = await startPlatform(database, { dir: join(dir, "runtime"), env });
  say(`memory of ${FUNCTIONS} functions that are active at once`);
  await wait(SETTLE_MS);
  const before = memoryOf(ownProcessesOf(platform.pid));
  for (let call = 0; call < CALLS_FIRST; call += 1) await callEach(functions, platform.gatewayPort);
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await lookWhileHeld(functions, platform));
  return findings(rounds, before);
}

async function callEach(functions: readonly DeployedFunction[], port: number): Promise<void> {
  const left = [...functions];
  const caller = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) await callOnce({ port }, next.host);
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, caller));
}

/** Looks at a moment when every function has a call under way. */
async function lookWhileHeld(functions: readonly DeployedFunction[], platform: Platform): Promise<Round> {
  let answered = 0;
  const calls = functions.map(async ({ host }) => {
    await callOnce({ port: platform.gatewayPort }, host, "/hold");
    answered += 1;
  });
  const all = Promise.all(calls);
  all.catch(() => undefined); // awaited below
  await wait(SETTLE_MS);
  const round = look(platform.pid);
  if (answered > 0) throw new Error("the machine is too busy: calls were over before all memory was looked at");
  await all;
  return round;
}

/** Sandboxes that wait in the warm pool hold less than those that work: of all, the largest are taken to be the functions'. */
function look(runtimePid: number): Round {
  const { workerds, watchers } = sandboxesOf(runtimePid);
  if (workerds.length < FUNCTIONS) throw new Error(`only ${workerds.length} of ${FUNCTIONS} functions are active`);
  return {
    workerds: ofLargest(workerds),
    watchers: ofLargest(watchers),
    gateway: memoryOf(ownProcessesOf(runtimePid)),
    sandboxes: workerds.length,
  };
}

function ofLargest(processes: readonly Process[]): Memory {
  const each = processes.map((one) => memoryOf([one])).toSorted((a, b) => b.own - a.own);
  const sum = { rss: 0, pss: 0, own: 0 };
  for (const { rss, pss, own } of each.slice(0, FUNCTIONS)) {
    sum.rss += rss;
    sum.pss += pss;
    sum.own += own;
  }
  return sum;
}

function findings(rounds: readonly Round[], before: Memory): Findings {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  const cells = (pick: (round: Round) => Memory, share = FUNCTIONS): string[] =>
    (["own", "pss", "rss"] as const).map((field) => megabytes(of((round) => pick(round)[field]) / share));
  const ownBytes = of(({ workerds, watchers }) => workerds.own + watchers.own) / FUNCTIONS;
  const growth = ({ gateway }: Round): Memory => ({
    own: gateway.own - before.own,
    pss: gateway.pss - before.pss,
    rss: gateway.rss - before.rss,
  });
  return {
    sections: [
      {
        title: `Memory with ${FUNCTIONS} functions active at once`,
        lines: [
          ...table(
            ["MB a function", "private", "PSS", "RSS"],
            [
              ["its workerd", ...cells(({ workerds }) => workerds)],
              ["the bwrap that watches over it", ...cells(({ watchers }) => watchers)],
              ["growth of the gateway for it", ...cells(growth)],
            ],
          ),
          "",
          `- smaps_rollup of ${FUNCTIONS} sandboxes, each with a call under way and ${CALLS_FIRST} before it; medians of ${ROUNDS} looks. There were ${whole(of(({ sandboxes }) => sandboxes))} sandboxes,` +
            " those of the warm pool among them: the largest count as the functions'. Most of RSS is the program's file, mapped once for all",
        ],
      },
    ],
    aims: [
      atMost(12, {
        what: `private memory an active function, ${FUNCTIONS} at once, workerd and bwrap, at most 12 MB`,
        value: ownBytes / 1024 ** 2,
        figure: `${megabytes(ownBytes)} MB`,
      }),
    ],
  };
}
