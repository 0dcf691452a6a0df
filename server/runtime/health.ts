import type { Fleet } from "./instances/fleet.ts";
import type { Routes } from "./gateway/routes.ts";
import type { EgressTotals } from "./platform/egress-budget.ts";

type HealthParts = { fleet: Fleet; routes: Routes; journals: JournalsView; totals: EgressTotals };

/** What is known of the journals of all threads. */
export type JournalsView = { readonly canWrite: boolean; readonly lastSeq: number };

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

  /** `/healthz`: the process answers. `/readyz`: it can serve and account for a request. Other paths are nobody's. */
  answer(path: string): { status: number; body: string } {
    switch (path) {
      case "/healthz":
        return { status: 200, body: JSON.stringify({ ok: true }) };
      case "/readyz": {
        const reasons = this.#unready();
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
    const instances = [...this.#parts.fleet.instances()];
    const { totals } = this.#parts;
    const inFlight = instances.reduce((sum, instance) => sum + instance.account.calls, 0);
    return [
      gauge("sluice_instances", "Sandboxed processes that run a function", instances.length),
      gauge("sluice_requests_in_flight", "Requests that instances are working on", inFlight),
      gauge("sluice_requests_waiting", "Requests that wait for an instance", this.#parts.fleet.waitingRoom.total),
      gauge("sluice_functions", "Functions that are deployed", this.#parts.routes.size),
      gauge("sluice_journal_seq", "Last number given to a counted fact", this.#parts.journals.lastSeq),
      gauge("sluice_resident_bytes", "Memory of the runtime process", process.memoryUsage.rss()),
      counter("sluice_outgoing_sent_bytes_total", "Bytes that functions sent out", totals.sentBytes),
      counter("sluice_outgoing_received_bytes_total", "Bytes that functions fetched", totals.receivedBytes),
      counter("sluice_outgoing_exchanges_total", "Requests and connections that functions made", totals.exchanges),
      counter(
        "sluice_outgoing_refused_total",
        "Refused: too many at once, or more than a function's calls bring",
        totals.refused,
      ),
    ].join("");
  }

  #unready(): string[] {
    return [
      ...(this.#isStopping ? ["stopping"] : []),
      ...(this.#parts.routes.isListening ? [] : ["Postgres is away"]),
      ...(this.#parts.journals.canWrite ? [] : ["the journal cannot be written"]),
    ];
  }
}

function gauge(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`;
}

function counter(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${value}\n`;
}
