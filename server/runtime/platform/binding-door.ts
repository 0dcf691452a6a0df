import type { IncomingMessage, ServerResponse } from "node:http";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { connect, disconnect, type Db } from "#server/db/client.ts";
import { headerNames } from "#server/runtime/sandbox/worker-config.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault, type FaultCode } from "#server/std/fault.ts";
import { asId } from "#server/std/id.ts";
import type { Log } from "#server/std/log.ts";
import { sqlOf, type Sql } from "#server/storage/kv/sql.ts";
import { HeldBytes } from "./held-bytes.ts";
import { answerKv } from "./kv-door.ts";
import { Turns } from "./turns.ts";

/** Connections to Postgres, and so operations at once, of all functions and of one organization's. */
const CONNECTIONS_MAX = 8;
const AT_ONCE_PER_ORGANIZATION_MAX = 6;

/** No operation takes so long while Postgres is well; a value of 25 MB takes half a second. */
const ANSWER_MS_MAX = 30_000;

const MB = 1024 * 1024;
/** Of one organization on this node: two of the largest values and some more. */
const HELD_PER_ORGANIZATION_MAX = 64 * MB;
const HELD_BYTES_MAX = 256 * MB;

/** A client's, whatever it may be: Node writes nothing else into a status line. */
const UNPRINTABLE = /[^\x20-\x7E]/g;
const REASON_CHARACTERS_MAX = 300;

type DoorParts = { databaseUrl: string; clock: Clock; log: Log; answerMsMax?: number };

/**
 * What answers functions' bindings. Which instance asks is known by its socket; the name of the binding, which comes in
 * a header, is looked up among those of the version that runs there, and leads nowhere else.
 */
export class BindingDoor {
  readonly #db: Db;
  readonly #sql: Sql;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #turns = new Turns({
    atOnceMax: CONNECTIONS_MAX,
    atOncePerOwnerMax: AT_ONCE_PER_ORGANIZATION_MAX,
    waitingPerOwnerMax: 1_000,
    waitMsMax: 10_000,
  });
  readonly #held = new HeldBytes({ bytesMax: HELD_BYTES_MAX, perOwnerMax: HELD_PER_ORGANIZATION_MAX });

  /** With connections of its own: what bindings wait for, leases and logs don't. */
  constructor({ databaseUrl, clock, log, answerMsMax = ANSWER_MS_MAX }: DoorParts) {
    this.#db = connect(databaseUrl, { connectionsMax: CONNECTIONS_MAX, answerMsMax });
    this.#sql = sqlOf(this.#db);
    this.#clock = clock;
    this.#log = log;
  }

  close(): Promise<void> {
    return disconnect(this.#db);
  }

  /** Answers a request of the instance that runs this version, whatever the request says. */
  async answer(spec: VersionSpec | undefined, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const name = req.headers[headerNames.binding];
    const binding = spec?.bindings.find((one) => one.name === name);
    if (!spec || !binding) return refuseBinding(res, 403, "This version has no such binding.");
    const organizationId = asId("organization", spec.organizationId);
    const hold = this.#held.open(organizationId);
    res.once("close", () => hold.release());
    const call = {
      sql: this.#sql,
      clock: this.#clock,
      of: { organizationId, namespaceId: binding.namespaceId },
      hold,
      inTurn: <Result>(work: () => Promise<Result>) => this.#turns.run(organizationId, work),
    };
    try {
      await answerKv(call, req, res);
    } catch (error) {
      this.#refuse(error, req, res);
    }
  }

  #refuse(error: unknown, req: IncomingMessage, res: ServerResponse): void {
    if (req.destroyed && !req.complete) return void res.destroy();
    if (error instanceof Fault) return refuseBinding(res, statusOf(error), error.message);
    this.#log.error({ err: error }, "an operation on a function's binding failed");
    refuseBinding(res, 503, "Storage does not answer at the moment. Try again.");
  }
}

/** The binding throws what the status line says. A missing namespace is no 404: that would read as a missing key. */
const statuses = {
  invalid: 400,
  not_signed_in: 403,
  forbidden: 403,
  not_found: 403,
  conflict: 409,
  too_many: 429,
  too_large: 413,
  unavailable: 503,
} as const satisfies Record<FaultCode, number>;

/** For a name that is too long, HTTP has a status of its own. */
function statusOf({ code, field }: Fault): number {
  return code === "too_large" && (field === "key" || field === "prefix") ? 414 : statuses[code];
}

/** Refuses what a binding asked, in the way that workerd's bindings make an exception of. */
export function refuseBinding(res: ServerResponse, status: number, message: string): void {
  const reason = message.replace(UNPRINTABLE, "?").slice(0, REASON_CHARACTERS_MAX);
  res.writeHead(status, reason, { "content-length": 0 });
  res.end();
}
