import { limitWords } from "#server/contract/limit-words.ts";
import type { OutOwner } from "#server/runtime/sandbox/sandbox.ts";
import { SubRequests } from "./sub-requests.ts";

/** Exchanges (requests, WebSockets, TCP connections) of one instance at once, and how many more may wait for their turn. */
export const EXCHANGES_MAX = 64;
const WAITING_MAX = 256;
const WAIT_MS_MAX = 10_000;
/** An exchange as a whole, however slowly its body comes or goes. Tunnels end when they are idle instead. */
export const EXCHANGE_MS_MAX = 300_000;
/** Bytes of one exchange, both ways together. */
const EXCHANGE_BYTES_MAX = 1024 * 1024 * 1024;

/** What has left and come in through the platform, of all instances. */
export type EgressTotals = { sentBytes: number; receivedBytes: number; exchanges: number; refused: number };

/** What one instance sends and receives, how much of it at once, and how much for the calls that it gets. */
export class EgressBudget {
  readonly #totals: EgressTotals;
  #subRequests: SubRequests | undefined;
  #subRequestsMax = 0;
  #owner: OutOwner | undefined;
  #running = 0;
  readonly #waiting: { enter(): void; giveUp: NodeJS.Timeout }[] = [];
  sentBytes = 0;
  receivedBytes = 0;

  constructor(totals: EgressTotals) {
    this.#totals = totals;
  }

  get running(): number {
    return this.#running;
  }

  /** Before it, nothing may leave. */
  configure(subRequestsMax: number, owner: OutOwner): void {
    this.#subRequestsMax = subRequestsMax;
    this.#subRequests = new SubRequests(subRequestsMax, owner.calls);
    this.#owner = owner;
  }

  /** A place for one exchange, at once or when one is free; refused when the function's calls bring no more, or too many wait. Bindings share both, and leave nothing. */
  async take(kind: "egress" | "binding" = "egress"): Promise<Exchange | Refusal> {
    if (!this.#subRequests?.take()) return this.#refuse(overLimit(this.#subRequestsMax));
    if (this.#running < EXCHANGES_MAX) this.#running += 1;
    else if (!(await this.#wait())) return this.#refuse(TOO_MANY_AT_ONCE);
    if (kind === "egress") this.#totals.exchanges += 1;
    let isOver = false;
    let bytes = 0;
    const count = (length: number): boolean => (bytes += length) <= EXCHANGE_BYTES_MAX;
    return {
      kind: "exchange",
      sent: (length) => {
        if (!this.#owner?.send(length)) return false;
        this.sentBytes += length;
        this.#totals.sentBytes += length;
        return count(length);
      },
      received: (length) => {
        this.receivedBytes += length;
        this.#totals.receivedBytes += length;
        return count(length);
      },
      end: () => {
        if (isOver) return;
        isOver = true;
        this.#handOver();
      },
    };
  }

  #refuse(message: string): Refusal {
    this.#totals.refused += 1;
    this.#owner?.notice(message);
    return { kind: "refused", message };
  }

  #wait(): Promise<boolean> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve(false);
    return new Promise((resolve) => {
      const giveUp = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve(false);
      }, WAIT_MS_MAX);
      const waiter = { enter: () => resolve(true), giveUp };
      this.#waiting.push(waiter);
    });
  }

  /** The place goes to who waits longest, without being free in between. */
  #handOver(): void {
    const next = this.#waiting.shift();
    if (!next) {
      this.#running -= 1;
      return;
    }
    clearTimeout(next.giveUp);
    next.enter();
  }
}

export type Refusal = { kind: "refused"; message: string };

export type Exchange = {
  kind: "exchange";
  /** Counts bytes; false, and they must not pass, once the exchange or the organization has had all that it may. */
  sent: (length: number) => boolean;
  received: (length: number) => boolean;
  end: () => void;
};

const TOO_MANY_AT_ONCE = `More than ${EXCHANGES_MAX} fetches and connections at once: some waited too long and were refused with status 429. Make fewer at a time.`;

function overLimit(subRequestsMax: number): string {
  const { title } = limitWords.subRequestsMax;
  return `Subrequest limit: more than ${subRequestsMax} fetches and connections a call, so the rest are refused with status 429. Make fewer, or raise "${title}" in Settings.`;
}
