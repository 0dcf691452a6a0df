import type { StartWatch } from "./sandbox/start-watch.ts";
import { runtimeMetrics, type MetricParts } from "./telemetry/runtime-metrics.ts";

/** Usage reaches the ledger within a second; behind by this much, what tenants see and what stops them is out of date. */
const BEHIND_MS_MAX = 60_000;

export type HealthParts = MetricParts & {
  routes: { isListening: boolean };
  starts: Pick<StartWatch, "whyNot">;
};

/** Anybody may ask the gateway, so what an error said, which may name paths, is for the operator's door alone. */
export type Asker = "anybody" | "operator";

/** Alive, ready, and the numbers of this process. */
export class Health {
  readonly #parts: HealthParts;
  #isStopping = false;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  stopping(): void {
    this.#isStopping = true;
  }

  /** `/healthz`: the process answers. `/readyz`: it can serve a request and account for it, or why not. Other paths are nobody's. */
  answer(path: string, to: Asker): { status: number; body: string } {
    switch (path) {
      case "/healthz":
        return { status: 200, body: JSON.stringify({ ok: true }) };
      case "/readyz": {
        const reasons = this.#unready(to);
        return reasons.length === 0
          ? { status: 200, body: JSON.stringify({ ok: true }) }
          : { status: 503, body: JSON.stringify({ ok: false, reasons }) };
      }
      default:
        return {
          status: 404,
          body: JSON.stringify({
            error: { code: "function_not_found", message: "No function answers at this address." },
          }),
        };
    }
  }

  /** Prometheus' text format. */
  metrics(): string {
    return runtimeMetrics(this.#parts);
  }

  #unready(to: Asker): string[] {
    const { routes, accounting, starts } = this.#parts;
    return unreadyReasons({
      isStopping: this.#isStopping,
      isListening: routes.isListening,
      canWrite: accounting.journals.canWrite,
      behindMs: Date.now() - accounting.shipping.progress.shippedAtMs,
      whyNoSandbox: starts.whyNot === undefined || to === "operator" ? starts.whyNot : "the runtime's log says why",
    });
  }
}

export type RuntimeState = {
  isStopping: boolean;
  isListening: boolean;
  canWrite: boolean;
  behindMs: number;
  whyNoSandbox: string | undefined;
};

/** Why a runtime is not ready, in words for an operator; none when it is. */
export function unreadyReasons(state: RuntimeState): string[] {
  const reasons: [boolean, string][] = [
    [state.isStopping, "it is stopping"],
    [!state.isListening, "Postgres is away: deployments and limits are as they were when it went"],
    [!state.canWrite, "the journal cannot be written, so requests are refused: look at the disk under DATA_DIR"],
    [
      state.behindMs > BEHIND_MS_MAX,
      `usage has not reached Postgres for ${Math.round(state.behindMs / 1000)} s; it waits in the journal`,
    ],
    [state.whyNoSandbox !== undefined, `sandboxes cannot be started: ${state.whyNoSandbox}`],
  ];
  return reasons.flatMap(([isSo, reason]) => (isSo ? [reason] : []));
}
