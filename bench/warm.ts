import { cpus } from "node:os";
import { join } from "node:path";
import { messageOf } from "#server/std/fault.ts";
import { startChild, type Child } from "./child.ts";
import { installContestants, startFunctionsFramework, startWranglerDev } from "./contestants.ts";
import { GATEWAY, medianShares, readCpu, sharesBetween, type CpuShare } from "./cpu-shares.ts";
import type { BenchDatabase } from "./database.ts";
import { HELLO, helloBundle } from "./hello-function.ts";
import { callOnce, load, type LoadReport, type Target } from "./load.ts";
import { both, percent, precise, table, times, whole } from "./markdown.ts";
import { atLeast, atMost, type Aim, type Findings, type Stage } from "./part.ts";
import { median } from "./percentile.ts";
import { startPlatform, type Platform } from "./platform-under-test.ts";
import { cpuUsOf, processTree } from "./process-tree.ts";

const ROUNDS = 5;
const CONNECTIONS = 32;
const WARM_UP_MS = 300;
/** The slowest of them, wrangler, is at its speed only after some thousand requests. */
const FIRST_WARM_UP_MS = 5_000;
const MEASURE_MS = { one: 1_000, many: 2_500 };
const CPU_US_PER_S = 1_000_000;
const SHOWN_US_MIN = 0.05;

type Contestant = { name: string; pid: number; target: Target };
type Round = { one: LoadReport; many: LoadReport; serverCpuUs: number };
type Figures = ReturnType<typeof figuresOf>;

/** What the gateway's rounds tell beside the rates. */
type Books = {
  shares: CpuShare[][];
  gatewayCpuUs: number[];
  answered: number;
  /** Calls that may have been under way when a load ended: counted or not, nobody saw their answer. */
  cutOffMax: number;
  lagsMs: number[];
};

/** A running function's rate and latency through the whole path, beside others that answer the same. */
export async function warmPart(stage: Stage): Promise<Findings> {
  const { postgres, dir, bare, say } = stage;
  await using running = new AsyncDisposableStack();
  const database = running.use(await postgres.openDatabase());
  const { host } = await database.addFunction(await database.addOrganization("bench"), {
    name: "hello",
    bundle: helloBundle,
  });
  const platform = running.use(await startPlatform(database, { dir: join(dir, "runtime") }));
  const gateway = { name: "gateway", pid: platform.pid, target: { port: platform.gatewayPort, host, path: "/" } };
  const workerd = local("bare workerd", running.use(await bare.serve()));
  const { present, absent } = await others(stage, running);
  say("warm requests, contestants in turn");
  const contestants = [gateway, workerd, ...present, local("plain Node", running.use(await startNode()))];
  const { rounds, books } = await measure(contestants, platform, database);
  const ledgerCalls = await database.ledgerHas(books.answered);
  const figures = new Map(contestants.map(({ name }) => [name, figuresOf(rounds.get(name) ?? [])]));
  return findings({ figures, books, ledgerCalls, absent });
}

type Absent = { name: string; why: string };

/** The products to compare with; one that can't be had is told of, and the rest goes on. */
async function others(
  { dir, say }: Stage,
  running: AsyncDisposableStack,
): Promise<{ present: Contestant[]; absent: Absent[] }> {
  const present: Contestant[] = [];
  const absent: Absent[] = [];
  const starts = { "functions-framework": startFunctionsFramework, "wrangler dev": startWranglerDev } as const;
  // Never rejects: each contestant is told why there is none of it.
  const installing = await installContestants(say).then(() => undefined, messageOf);
  for (const [name, start] of Object.entries(starts)) {
    try {
      if (installing !== undefined) throw new Error(installing);
      present.push(local(name, running.use(await start(dir))));
    } catch (error) {
      const [why = ""] = messageOf(error).split("\n");
      say(`no ${name} to compare with: ${why}`);
      absent.push({ name, why });
    }
  }
  return { present, absent };
}

async function startNode(): Promise<Child & { port: number }> {
  const node = await startChild({
    command: [process.execPath, join(import.meta.dirname, "node-server.ts")],
    readyFd: 1,
  });
  return { ...node, port: Number(node.firstLine) };
}

function local(name: string, { pid, port }: { pid: number; port: number }): Contestant {
  return { name, pid, target: { port, host: "localhost", path: "/" } };
}

/** Loads each contestant in turn, round after round, so that what else happens on the machine meets all of them. */
async function measure(
  contestants: readonly Contestant[],
  platform: Platform,
  database: BenchDatabase,
): Promise<{ rounds: Map<string, Round[]>; books: Books }> {
  const books: Books = { shares: [], gatewayCpuUs: [], answered: 0, cutOffMax: 0, lagsMs: [] };
  const rounds = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]));
  for (const { name, target } of contestants) {
    const { body } = await callOnce(target, target.host);
    if (!body.includes(HELLO)) throw new Error(`${name} says something else: ${body.slice(0, 100)}`);
    const first = await load({ ...target, connections: CONNECTIONS, warmUpMs: 0, measureMs: FIRST_WARM_UP_MS });
    if (name !== "gateway") continue;
    books.answered += 1 + first.answersInAll;
    books.cutOffMax += CONNECTIONS;
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, pid, target } of contestants) {
      const one = await load({ ...target, connections: 1, warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS.one });
      const keeper = name === "gateway" ? await openBooks(books, one, platform, database) : undefined;
      // No warm-up here: the CPU clocks are read around the whole load, and divided by all that was answered in it.
      const cpuBefore = cpuUsOf(processTree(pid));
      const many = await load({ ...target, connections: CONNECTIONS, warmUpMs: 0, measureMs: MEASURE_MS.many });
      const serverCpuUs = (cpuUsOf(processTree(pid)) - cpuBefore) / many.answersInAll;
      await keeper?.close(many);
      rounds.get(name)?.push({ one, many, serverCpuUs });
    }
  }
  return { rounds, books };
}

/** Counts what the gateway's round costs, up to the moment when the ledger has all of it: no round leaves work to the next. */
async function openBooks(books: Books, one: LoadReport, platform: Platform, database: BenchDatabase) {
  books.answered += one.answersInAll;
  books.cutOffMax += 1 + CONNECTIONS;
  await database.ledgerHas(books.answered);
  const [before, gatewayBeforeUs] = [readCpu(platform.pid, process.pid), platform.cpuUs()];
  return {
    async close(many: LoadReport): Promise<void> {
      const endedAt = performance.now();
      books.answered += many.answersInAll;
      await database.ledgerHas(books.answered);
      books.lagsMs.push(performance.now() - endedAt);
      const shares = sharesBetween(before, readCpu(platform.pid, process.pid));
      books.gatewayCpuUs.push((platform.cpuUs() - gatewayBeforeUs) / many.answersInAll);
      books.shares.push([
        ...shares.map(({ label, cpuUs }) => ({ label, cpuUs: cpuUs / many.answersInAll })),
        { label: "load generator", cpuUs: many.generatorCpuUs },
      ]);
    },
  };
}

function figuresOf(rounds: readonly Round[]) {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  const rates = rounds.map(({ many }) => many.requestsPerS);
  return {
    requestsPerS: median(rates),
    lowest: Math.min(...rates),
    highest: Math.max(...rates),
    many: { p50Ms: of(({ many }) => many.p50Ms), p99Ms: of(({ many }) => many.p99Ms) },
    one: { p50Ms: of(({ one }) => one.p50Ms), p99Ms: of(({ one }) => one.p99Ms) },
    serverCpuUs: of(({ serverCpuUs }) => serverCpuUs),
    generatorCpuUs: of(({ many }) => many.generatorCpuUs),
  };
}

type Measured = { figures: Map<string, Figures>; books: Books; ledgerCalls: number; absent: readonly Absent[] };

function findings({ figures, books, ledgerCalls, absent }: Measured): Findings {
  const of = (name: string): Figures => figures.get(name) ?? figuresOf([]);
  const gateway = of("gateway");
  const shares = medianShares(books.shares);
  const gatewayCpuUs = median(books.gatewayCpuUs);
  const addedMs = gateway.one.p50Ms - of("bare workerd").one.p50Ms;
  const rate = (name: string, bound: number): Aim => {
    const what = `warm requests a second, c=32, at least ${bound}x ${name}`;
    const missing = absent.find((one) => one.name === name);
    if (missing) return { kind: "not measured", what, why: missing.why };
    const ratio = gateway.requestsPerS / of(name).requestsPerS;
    return atLeast(bound, { what, value: ratio, figure: times(gateway.requestsPerS, of(name).requestsPerS) });
  };
  return {
    sections: [
      { title: "Warm requests", lines: warmLines(figures, { addedMs, gatewayCpuUs, books, ledgerCalls }) },
      { title: "Where the CPU of a warm request goes", lines: shareLines(shares, figures) },
    ],
    aims: [
      ...explained([rate("bare workerd", 0.6), rate("functions-framework", 2), rate("wrangler dev", 10)], () =>
        whatHolds(shares, gateway),
      ),
      atMost(0.4, {
        what: "p50 latency added by the gateway at c=1, at most 0.4 ms",
        value: addedMs,
        figure: `${addedMs.toFixed(2)} ms`,
      }),
      atMost(120, {
        what: "gateway CPU a request, at most 120 us",
        value: gatewayCpuUs,
        figure: `${whole(gatewayCpuUs)} us (${gatewayThreads(shares)})`,
      }),
      {
        kind: ledgerCalls >= books.answered && ledgerCalls <= books.answered + books.cutOffMax ? "met" : "missed",
        what: "every answered call is in the ledger, and once",
        figure: `${whole(books.answered)} answered, at most ${whole(books.cutOffMax)} cut off under way, ${whole(ledgerCalls)} counted`,
      },
    ],
  };
}

/** The first that is missed says what holds it; the others would say the same. */
function explained(aims: readonly Aim[], explanation: () => string): Aim[] {
  const first = aims.findIndex(({ kind }) => kind === "missed");
  return aims.map((aim, at) =>
    at === first && aim.kind === "missed" ? { ...aim, figure: `${aim.figure}; ${explanation()}` } : aim,
  );
}

type WarmNotes = { addedMs: number; gatewayCpuUs: number; books: Books; ledgerCalls: number };

function warmLines(
  figures: Map<string, Figures>,
  { addedMs, gatewayCpuUs, books, ledgerCalls }: WarmNotes,
): readonly string[] {
  const gateway = figures.get("gateway");
  const row = (what: string, cell: (one: Figures) => string) => [what, ...[...figures.values()].map(cell)];
  return [
    ...table(
      ["what", ...figures.keys()],
      [
        row("requests a second, c=32", (one) => whole(one.requestsPerS)),
        row("lowest and highest round", (one) => `${whole(one.lowest)} - ${whole(one.highest)}`),
        row("the gateway's rate is", (one) =>
          gateway && one !== gateway ? times(gateway.requestsPerS, one.requestsPerS) : "",
        ),
        row("latency at c=32, p50 / p99 ms", (one) => both(one.many)),
        row("latency at c=1, p50 / p99 ms", (one) => both(one.one)),
        row("CPU a request of the server, all its processes, us", (one) => whole(one.serverCpuUs)),
        row("CPU a request of the load generator, us", (one) => whole(one.generatorCpuUs)),
      ],
    ),
    "",
    `- added by the gateway at c=1: ${addedMs.toFixed(2)} ms (p50, over bare workerd); gateway CPU a request: ${whole(gatewayCpuUs)} us, all threads counted, journal and shipper among them`,
    `- medians of ${ROUNDS} rounds, contestants in turn, loopback TCP, kept-alive connections with one request at a time; all give the same answer. The gateway's path is the whole one:` +
      " route, allowance, sandboxed instance, CPU clock, journal with group fsync, shipper into a real Postgres",
    "- functions-framework is the server that its command starts, in production mode; wrangler dev runs as it comes, with a line a request on its standard output, which goes nowhere",
    `- the ledger: ${whole(ledgerCalls)} calls counted for ${whole(books.answered)} answered (those that a round cut off under way count as well), all of a round ${whole(median(books.lagsMs))} ms after the load's end`,
  ];
}

function shareLines(shares: readonly CpuShare[], figures: Map<string, Figures>): readonly string[] {
  const allUs = sum(shares);
  const gateway = figures.get("gateway");
  const workerd = figures.get("bare workerd");
  return [
    ...table(
      ["who", "us a request", "share"],
      [
        ...shares
          .filter(({ cpuUs }) => cpuUs >= SHOWN_US_MIN)
          .map((one) => [one.label, precise(one.cpuUs), percent(one.cpuUs / allUs)]),
        ["in all", precise(allUs), ""],
      ],
    ),
    "",
    "- by the kernel's clocks around the gateway's rounds at c=32, up to the moment when the ledger had all of them; medians of the rounds",
    ...(gateway && workerd
      ? [
          `- ${whatHolds(shares, gateway)}; bare workerd costs ${whole(workerd.serverCpuUs)} us and ${whole(workerd.generatorCpuUs)} us of its load generator`,
        ]
      : []),
  ];
}

/** Why the rate is what it is: how much of the machine a request takes, and who takes most of that. */
function whatHolds(shares: readonly CpuShare[], { requestsPerS }: Figures): string {
  const allUs = sum(shares);
  const used = (allUs * requestsPerS) / (cpus().length * CPU_US_PER_S);
  const dearest = shares.slice(0, 3).map(({ label, cpuUs }) => `${label} ${whole(cpuUs)}`);
  return `a request takes ${whole(allUs)} us of CPU in all, ${percent(used)} of the machine at this rate; most of it: ${dearest.join(", ")}`;
}

/** The gateway's own processes by thread, without their name. */
function gatewayThreads(shares: readonly CpuShare[]): string {
  return shares
    .filter(({ label, cpuUs }) => label.startsWith(GATEWAY) && cpuUs >= SHOWN_US_MIN)
    .map(({ label, cpuUs }) => `${label.slice(GATEWAY.length)} ${precise(cpuUs)}`)
    .join(", ");
}

function sum(shares: readonly CpuShare[]): number {
  return shares.reduce((total, { cpuUs }) => total + cpuUs, 0);
}
