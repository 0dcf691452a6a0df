import type { ServerResponse } from "node:http";
import type { Fleet } from "./instances/fleet.ts";
import type { Routes } from "./gateway/routes.ts";
import type { EgressTotals } from "./platform/egress-budget.ts";
import type { Journal } from "./meter/journal.ts";

type HealthParts = { fleet: Fleet; routes: Routes; journal: Journal; totals: EgressTotals };

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

  /** `/healthz`: the process answers. `/readyz`: it can serve and account for a request. */
  answer(path: string, res: ServerResponse): void {
    const reasons = path === "/readyz" ? this.#unready() : [];
    const known = path === "/readyz" || path === "/healthz";
    res.writeHead(!known ? 404 : reasons.length > 0 ? 503 : 200, {
      "content-type": "application/json",
      "cache-control": "no-store",
    });
    if (!known)
      res.end(
        JSON.stringify({ error: { code: "function_not_found", message: "No function answers at this address." } }),
      );
    else res.end(JSON.stringify(reasons.length > 0 ? { ok: false, reasons } : { ok: true }));
  }

  /** Prometheus' text format. */
  metrics(): string {
    const instances = [...this.#parts.fleet.instances()];
    const { totals } = this.#parts;
    const inFlight = instances.reduce((sum, instance) => sum + instance.inFlight, 0);
    return [
      gauge("sluice_instances", "Sandboxed processes that run a function", instances.length),
      gauge("sluice_requests_in_flight", "Requests that instances are working on", inFlight),
      gauge("sluice_functions", "Functions that are deployed", this.#parts.routes.size),
      gauge("sluice_journal_seq", "Last number given to a counted fact", this.#parts.journal.lastSeq),
      gauge("sluice_resident_bytes", "Memory of the gateway process", process.memoryUsage.rss()),
      counter("sluice_outgoing_sent_bytes_total", "Bytes that functions sent out", totals.sentBytes),
      counter("sluice_outgoing_received_bytes_total", "Bytes that functions fetched", totals.receivedBytes),
      counter("sluice_outgoing_exchanges_total", "Requests and connections that functions made", totals.exchanges),
      counter("sluice_outgoing_refused_total", "Of those, refused because too many ran at once", totals.refused),
    ].join("");
  }

  #unready(): string[] {
    return [
      ...(this.#isStopping ? ["stopping"] : []),
      ...(this.#parts.routes.isListening ? [] : ["Postgres is away"]),
      ...(this.#parts.journal.canWrite ? [] : ["the journal cannot be written"]),
    ];
  }
}

function gauge(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`;
}

function counter(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${value}\n`;
}
