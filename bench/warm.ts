import type { BenchDatabase } from "./database.ts";
import { load, type LoadReport, type Target } from "./load.ts";
import { median } from "./percentile.ts";
import type { Platform } from "./platform-under-test.ts";

const ROUNDS = 5;
const CONNECTIONS = 32;
const WARM_UP_MS = 400;
const FIRST_WARM_UP_MS = 3_000;
const MEASURE_MS = { one: 1_500, many: 2_500 };
const LEDGER_MS_MAX = 10_000;

export const contestants = ["gateway", "workerd", "node"] as const;
export type Contestant = (typeof contestants)[number];

export type WarmFigures = {
  requestsPerS: number;
  p50Ms: number;
  p99Ms: number;
  p50OneMs: number;
  p99OneMs: number;
  generatorCpuUs: number;
};
export type WarmResult = {
  figures: Record<Contestant, WarmFigures>;
  gatewayCpuUs: number;
  /** After the last answer, until the ledger held every one of them. */
  ledgerLagMs: number;
  counted: number;
};

type Round = { one: LoadReport; many: LoadReport; cpuUs: number };

/** Loads each contestant in turn, round after round, so that what else happens on the machine meets all of them. */
export async function measureWarm(
  targets: Record<Contestant, Target>,
  platform: Platform,
  database: BenchDatabase,
): Promise<WarmResult> {
  const rounds: Record<Contestant, Round[]> = { gateway: [], workerd: [], node: [] };
  for (const name of contestants)
    await load({ ...targets[name], connections: CONNECTIONS, warmUpMs: 0, measureMs: FIRST_WARM_UP_MS });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of contestants) {
      const one = await load({ ...targets[name], connections: 1, warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS.one });
      // No warm-up here: the CPU clock is read around the whole load, and divided by all that was answered in it.
      const cpuBefore = platform.cpuUs();
      const many = await load({ ...targets[name], connections: CONNECTIONS, warmUpMs: 0, measureMs: MEASURE_MS.many });
      rounds[name].push({ one, many, cpuUs: (platform.cpuUs() - cpuBefore) / many.answers });
    }
  }
  const lag = await ledgerLag(database);
  return {
    figures: { gateway: figuresOf(rounds.gateway), workerd: figuresOf(rounds.workerd), node: figuresOf(rounds.node) },
    gatewayCpuUs: median(rounds.gateway.map((round) => round.cpuUs)),
    ...lag,
  };
}

function figuresOf(rounds: readonly Round[]): WarmFigures {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return {
    requestsPerS: of(({ many }) => many.requestsPerS),
    p50Ms: of(({ many }) => many.p50Ms),
    p99Ms: of(({ many }) => many.p99Ms),
    p50OneMs: of(({ one }) => one.p50Ms),
    p99OneMs: of(({ one }) => one.p99Ms),
    generatorCpuUs: of(({ many }) => many.generatorCpuUs),
  };
}

/** Waits until the ledger stands still, after a load that has just ended. */
async function ledgerLag({ db }: BenchDatabase): Promise<{ ledgerLagMs: number; counted: number }> {
  const endedAt = performance.now();
  let counted = -1;
  let stoodStillAt = endedAt;
  while (performance.now() - endedAt < LEDGER_MS_MAX) {
    const now = await db.usageEvent.count({ where: { kind: "request" } });
    if (now === counted && performance.now() - stoodStillAt > 500) break;
    if (now !== counted) stoodStillAt = performance.now();
    counted = now;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { ledgerLagMs: stoodStillAt - endedAt, counted };
}
