import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { BenchDatabase, DeployedFunction } from "./database.ts";
import { helloBundle } from "./hello-function.ts";
import { heapAfterCollection } from "./inspector.ts";
import { callOnce, load } from "./load.ts";
import { megabytes, table, times, whole } from "./markdown.ts";
import { atLeast, atMost, type Findings, type Stage } from "./part.ts";
import { median } from "./percentile.ts";
import { startPlatform, type Platform } from "./platform-under-test.ts";
import { memoryOf, ownProcessesOf, sandboxesOf } from "./process-tree.ts";

const ORGANIZATIONS = 100;
const FUNCTIONS_EACH = 100;
const FUNCTIONS = ORGANIZATIONS * FUNCTIONS_EACH;
const MEMORY_ROUNDS = 5;
const RATE_ROUNDS = 10;
const CONNECTIONS = 32;
const FIRST_WARM_UP_MS = 3_000;
const WARM_UP_MS = 300;
const MEASURE_MS = 2_000;
const SETTLE_MS = 1_000;
const SAMPLES = 20;
const MB = 1024 ** 2;

type Filled = { database: BenchDatabase; hello: DeployedFunction; others: readonly DeployedFunction[] };
type Stock = "empty" | "full";
type MemoryRound = { heapBytes: number; rssBytes: number; ownBytes: number; sandboxes: number };

/** What functions cost that are deployed and not called: memory of the gateway, processes, and the rate of one that is called. */
export async function manyPart({ postgres, dir, say }: Stage): Promise<Findings> {
  say(`deploying ${whole(FUNCTIONS)} functions`);
  await using databases = new AsyncDisposableStack();
  const stocks: Record<Stock, Filled> = {
    empty: await fill(databases.use(await postgres.openDatabase()), 0),
    full: await fill(databases.use(await postgres.openDatabase()), ORGANIZATIONS),
  };
  say("memory of the gateway with them and without");
  const memory: Record<Stock, MemoryRound[]> = { empty: [], full: [] };
  for (let round = 0; round < MEMORY_ROUNDS; round += 1) {
    for (const stock of ["empty", "full"] as const)
      memory[stock].push(await memoryRound(stocks[stock], join(dir, `${stock}-${round}`)));
  }
  say("warm requests with them and without, in turns");
  await using empty = await startPlatform(stocks.empty.database, { dir: join(dir, "empty") });
  await using full = await startPlatform(stocks.full.database, { dir: join(dir, "full") });
  const rates = await measureRates({ empty, full }, stocks);
  await callSome(full, stocks.full);
  return findings(memory, rates);
}

async function fill(database: BenchDatabase, organizations: number): Promise<Filled> {
  const hello = await database.addFunction(await database.addOrganization("bench"), {
    name: "hello",
    bundle: helloBundle,
  });
  const others: DeployedFunction[] = [];
  for (let at = 0; at < organizations; at += 1) {
    const names = Array.from({ length: FUNCTIONS_EACH }, (_, i) => ({ name: `function-${i}`, bundle: helloBundle }));
    others.push(...(await database.addFunctions(await database.addOrganization(`organization-${at}`), names)));
  }
  return { database, hello, others };
}

/** A runtime of its own each time, as what it reads at its start is what counts. */
async function memoryRound({ database }: Filled, dir: string): Promise<MemoryRound> {
  await using platform = await startPlatform(database, { dir, isInspected: true });
  await wait(SETTLE_MS); // the warm pool is up
  const heapBytes = await heapAfterCollection(platform.inspectors);
  const { rss, own } = memoryOf(ownProcessesOf(platform.pid));
  return { heapBytes, rssBytes: rss, ownBytes: own, sandboxes: sandboxesOf(platform.pid).workerds.length };
}

async function measureRates(
  platforms: Record<Stock, Platform>,
  stocks: Record<Stock, Filled>,
): Promise<Record<Stock, number[]>> {
  const rates: Record<Stock, number[]> = { empty: [], full: [] };
  const run = async (stock: Stock, ms: { warmUpMs: number; measureMs: number }): Promise<number> => {
    const target = { port: platforms[stock].gatewayPort, host: stocks[stock].hello.host, path: "/" };
    return (await load({ ...target, connections: CONNECTIONS, ...ms })).requestsPerS;
  };
  for (const stock of ["empty", "full"] as const) await run(stock, { warmUpMs: 0, measureMs: FIRST_WARM_UP_MS });
  for (let round = 0; round < RATE_ROUNDS; round += 1) {
    // Who comes second finds the machine warmer, and the ledger busier: each is that as often as the other.
    const order = round % 2 === 0 ? (["empty", "full"] as const) : (["full", "empty"] as const);
    for (const stock of order) rates[stock].push(await run(stock, { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS }));
  }
  return rates;
}

/** That they are deployed in earnest: some of them, spread over all, answer. */
async function callSome(platform: Platform, { others }: Filled): Promise<void> {
  for (let i = 0; i < SAMPLES; i += 1) {
    const one = others[Math.floor((i * others.length) / SAMPLES)];
    if (one) await callOnce({ port: platform.gatewayPort }, one.host);
  }
}

function findings(memory: Record<Stock, MemoryRound[]>, rates: Record<Stock, number[]>): Findings {
  const of = (stock: Stock, field: keyof MemoryRound): number => median(memory[stock].map((round) => round[field]));
  const growth = (field: keyof MemoryRound): number => of("full", field) - of("empty", field);
  const row = (what: string, field: keyof MemoryRound) => [
    what,
    ...[of("empty", field), of("full", field), growth(field)].map(megabytes),
  ];
  const [emptyRate, fullRate] = [median(rates.empty), median(rates.full)];
  // Of each round, whose two halves meet the machine in the same mood.
  const rateRatio = median(rates.full.map((rate, round) => rate / (rates.empty[round] ?? Number.NaN)));
  return {
    sections: [
      {
        title: `${whole(FUNCTIONS)} functions deployed, none active`,
        lines: [
          ...table(
            ["what", "one function deployed", `${whole(FUNCTIONS)} more`, "growth"],
            [
              row("gateway: heaps and buffers after garbage collection, MB", "heapBytes"),
              row("gateway: private memory, MB", "ownBytes"),
              row("gateway: RSS, MB", "rssBytes"),
              [
                "sandboxes, all of the warm pool",
                whole(of("empty", "sandboxes")),
                whole(of("full", "sandboxes")),
                whole(growth("sandboxes")),
              ],
              ["warm requests a second of one, c=32", whole(emptyRate), whole(fullRate), times(rateRatio, 1)],
            ],
          ),
          "",
          `- ${ORGANIZATIONS} organizations of ${FUNCTIONS_EACH} functions; memory: medians of ${MEMORY_ROUNDS} starts of each, a second after the start; rates: medians of ${RATE_ROUNDS} rounds in turns, and of the ratios of each round;` +
            ` afterwards ${SAMPLES} of them, spread over all, were called and answered`,
        ],
      },
    ],
    aims: [
      atMost(0, {
        what: `${whole(FUNCTIONS)} functions deployed, none active: no process of a function`,
        value: growth("sandboxes"),
        figure: `${whole(growth("sandboxes"))}, beside ${whole(of("empty", "sandboxes"))} of the warm pool, which no function has yet`,
      }),
      atMost(10, {
        what: "the gateway's heaps and buffers grow for them by at most 10 MB",
        value: growth("heapBytes") / MB,
        figure: `${megabytes(growth("heapBytes"))} MB, ${whole(growth("heapBytes") / FUNCTIONS)} bytes a function`,
      }),
      atMost(10, {
        what: "the gateway's RSS grows for them by at most 10 MB",
        value: growth("rssBytes") / MB,
        figure: `${megabytes(growth("rssBytes"))} MB`,
      }),
      atLeast(0.95, {
        what: "the warm rate with them is within 5 % of that without",
        value: rateRatio,
        figure: `${((rateRatio - 1) * 100).toFixed(1)} %`,
      }),
    ],
  };
}
