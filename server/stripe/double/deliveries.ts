import { createHmac } from "node:crypto";
import { eventAnswer, hears } from "./events.ts";
import type { StripeEvent, WebhookEndpoint, World } from "./world.ts";

const TIMEOUT_MS = 10_000;

export type DeliveryWay = {
  /** In which order events go out; as they came when undefined. */
  order?: ((events: readonly StripeEvent[]) => StripeEvent[]) | undefined;
  /** Each event so often. */
  copies?: number | undefined;
};

/** The header of a signed delivery. Its time is the real one unless another is given. */
export function signatureHeader(payload: string, secret: string, atSeconds = Math.floor(Date.now() / 1000)): string {
  const signature = createHmac("sha256", secret).update(`${atSeconds}.${payload}`).digest("hex");
  return `t=${atSeconds},v1=${signature}`;
}

/** Sends events to the endpoints that hear them, at least once each, in whatever order, again until somebody says 2xx. */
export class Deliveries {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  waiting(): StripeEvent[] {
    return [...this.#world.events.values()].filter((event) => !event.wasDelivered);
  }

  /** One try for each event that waits. Returns how many were taken. */
  async deliver({ order = (events) => [...events], copies = 1 }: DeliveryWay = {}): Promise<number> {
    const sends = order(this.waiting()).flatMap((event) => Array.from({ length: copies }, () => event));
    let taken = 0;
    for (const event of sends) if (await this.#deliverEvent(event)) taken += 1;
    return taken;
  }

  /** Says of all that waits that it was taken: for tests in which nobody listens and events are asked for instead. */
  acknowledge(): void {
    for (const event of this.waiting()) Object.assign(event, { wasDelivered: true, pending: 0 });
  }

  async #deliverEvent(event: StripeEvent): Promise<boolean> {
    const endpoints = [...this.#world.webhookEndpoints.values()].filter(
      (one) => one.isEnabled && hears(one, event.type),
    );
    // Who checks a signature has a real clock, or one that goes with the double's own.
    const atSeconds = this.#world.ticks ? this.#world.now : undefined;
    const answers = await Promise.all(endpoints.map((endpoint) => send(endpoint, { event, atSeconds })));
    event.pending = answers.filter((isTaken) => !isTaken).length;
    event.wasDelivered = event.pending === 0;
    return event.wasDelivered;
  }
}

async function send(
  endpoint: WebhookEndpoint,
  { event, atSeconds }: { event: StripeEvent; atSeconds: number | undefined },
): Promise<boolean> {
  const payload = JSON.stringify(eventAnswer(event), undefined, 2);
  try {
    const { ok } = await fetch(endpoint.url, {
      method: "POST",
      redirect: "manual",
      headers: {
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": signatureHeader(payload, endpoint.secret, atSeconds),
      },
      body: payload,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return ok;
  } catch {
    return false; // Nobody answered: it is tried again, as Stripe does.
  }
}
