import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { catalogEndpoints } from "./catalog.ts";
import { checkoutEndpoints } from "./checkout.ts";
import { answerControl } from "./control.ts";
import { creditEndpoints } from "./credits.ts";
import { customerEndpoints } from "./customers.ts";
import { Deliveries } from "./deliveries.ts";
import type { Endpoints } from "./endpoints.ts";
import { API_VERSION, eventEndpoints } from "./events.ts";
import { Faults, type FaultKind } from "./faults.ts";
import { decodeForm } from "./form.ts";
import { IdempotencyKeys, type Answer } from "./idempotency.ts";
import { invoiceItemEndpoints } from "./invoice-items.ts";
import { invoiceEndpoints } from "./invoices.ts";
import { meterEndpoints } from "./meters.ts";
import { Operations, type FoundOperation } from "./operations.ts";
import { pageFor } from "./pages.ts";
import { portalEndpoints } from "./portal.ts";
import { RateLimits, type Limits } from "./rate-limits.ts";
import { NotModelled, Refusal } from "./refusal.ts";
import { checkAnswer, checkForm, type Wire } from "./shape.ts";
import { subscriptionChangeEndpoints } from "./subscription-change.ts";
import { advanceInvoices, endPeriods } from "./subscription-end.ts";
import { subscriptionEndpoints } from "./subscriptions.ts";
import { World } from "./world.ts";

const endpoints: Endpoints = {
  ...catalogEndpoints,
  ...checkoutEndpoints,
  ...creditEndpoints,
  ...customerEndpoints,
  ...eventEndpoints,
  ...invoiceEndpoints,
  ...invoiceItemEndpoints,
  ...meterEndpoints,
  ...portalEndpoints,
  ...subscriptionChangeEndpoints,
  ...subscriptionEndpoints,
};

/** The key that the double takes; any other is a wrong one. */
export const TEST_KEY = "sk_test_double";

export type Served = {
  method: string;
  path: string;
  form: { [name: string]: Wire };
  status: number;
  key: string;
  atMs: number;
};
type Request = { method: string; path: string; body: string; key: string };

export type DoubleOptions = {
  /** Where the double's clock begins; it stands still unless `ticks`. */
  nowMs?: number;
  ticks?: boolean;
  port?: number;
  limits?: Limits;
};

/** Read once a process: the SDK's declarations are 6 MB. */
let operations: Operations | undefined;

/**
 * A Stripe account over HTTP for the official SDK. Each request is checked against the SDK's own declarations, each
 * answer too; what Stripe has and the double lacks ends in 501 and in `mistakes`, which tests hold to be empty.
 */
export class StripeDouble {
  readonly world: World;
  readonly faults = new Faults();
  readonly deliveries: Deliveries;
  /** Requests that the SDK's declarations forbid. */
  readonly violations: string[] = [];
  /** What the double itself got wrong or can't do. */
  readonly mistakes: string[] = [];
  readonly served: Served[] = [];
  readonly limits: RateLimits;
  /** Called before a request is carried out and after, before it is answered: for tests that kill its caller at that point. */
  onRequest: ((point: "before" | "after", request: string) => void) | undefined;
  readonly #keys = new IdempotencyKeys();
  readonly #operations = (operations ??= new Operations());
  readonly #server: Server;

  private constructor(options: DoubleOptions) {
    this.world = new World(options.nowMs ?? Date.now(), { ticks: options.ticks === true });
    this.deliveries = new Deliveries(this.world);
    this.limits = new RateLimits(options.limits);
    this.#server = createServer((req, res) => void this.#answer(req, res));
  }

  static async start(options: DoubleOptions = {}): Promise<StripeDouble> {
    const double = new StripeDouble(options);
    double.#server.listen(options.port ?? 0, "127.0.0.1");
    await once(double.#server, "listening");
    double.world.origin = double.url;
    return double;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the double is not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Moves the clock on, and does on the way whatever falls due, at its time. */
  async advanceTo(targetMs: number): Promise<void> {
    for (;;) {
      this.settle();
      const next = this.#nextDueSeconds();
      if (next === undefined || next * 1000 > targetMs) break;
      this.world.moveTo(Math.max(next * 1000, this.world.nowMs));
    }
    this.world.moveTo(targetMs);
    this.settle();
  }

  /** Does what is due now. */
  settle(): void {
    endPeriods(this.world);
    advanceInvoices(this.world);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #nextDueSeconds(): number | undefined {
    const { subscriptions, invoices, now } = this.world;
    const times = [
      ...[...subscriptions.values()]
        .filter(({ status }) => status !== "canceled")
        .map(({ items }) => items[0]?.periodEnd),
      ...[...invoices.values()].flatMap((invoice) => [
        invoice.status === "draft" && invoice.autoAdvance ? invoice.finalizesAt : undefined,
        invoice.status === "open" ? invoice.nextAttemptAt : undefined,
      ]),
    ].filter((at): at is number => typeof at === "number" && at > now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? "/", "http://double");
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of req) chunks.push(chunk);
    } catch {
      return; // The caller left in the middle of its own request.
    }
    const body = Buffer.concat(chunks).toString();
    const method = req.method ?? "GET";
    if (url.pathname.startsWith("/_double/")) {
      await answerControl(this, { path: url.pathname, body }, res);
      return;
    }
    if (this.faults.isDown) {
      req.socket.destroy();
      return;
    }
    if (!url.pathname.startsWith("/v1/")) {
      sendPage(res, pageFor(this.world, { method, path: url.pathname, body }));
      return;
    }
    this.settle();
    const request = {
      method,
      path: url.pathname,
      body: method === "POST" ? body : url.search.slice(1),
      key: String(req.headers["idempotency-key"] ?? ""),
    };
    const fault = this.faults.take(`${method} ${url.pathname}`);
    if (fault === "drop-before") {
      req.socket.destroy();
      return;
    }
    if (fault === "hang-before") return;
    const name = `${method} ${url.pathname}`;
    this.onRequest?.("before", name);
    const answer = this.#execute(request, req.headers, fault);
    this.onRequest?.("after", name);
    respond(req, res, { answer, fault });
  }

  #execute(request: Request, headers: IncomingMessage["headers"], fault: FaultKind | undefined): Answer {
    const { method, path, body, key } = request;
    const form = decodeForm(body);
    let answer: Answer;
    try {
      answer = this.#answerOnce(request, { headers, form, fault });
    } catch (error) {
      if (method === "POST" && key !== "" && !(error instanceof Refusal && error.status === 409))
        this.#forgetUnbegun(key, error);
      answer = this.#refusal(error);
    }
    this.served.push({ method, path, form, status: answer.status, key, atMs: this.world.nowMs });
    return answer;
  }

  #forgetUnbegun(key: string, error: unknown): void {
    if (error instanceof Refusal && error.body.error.type === "idempotency_error") return;
    this.#keys.forget(key);
  }

  /** Checks who asks, what is asked and whether it was asked before; then does it, and keeps the answer under the key. */
  #answerOnce(
    request: Request,
    given: { headers: IncomingMessage["headers"]; form: { [name: string]: Wire }; fault: FaultKind | undefined },
  ): Answer {
    const { headers, form, fault } = given;
    this.#checkCaller(headers, fault);
    const found = this.#check(request, form);
    this.limits.check(`${request.method} ${found.operation.path}`);
    const isKept = request.method === "POST" && request.key !== "";
    const saved = isKept ? this.#keys.begin(request.key, request, this.world.nowMs) : undefined;
    if (saved) return { ...saved, headers: { "idempotent-replayed": "true" } };
    const answer =
      fault === "500-before" ? serverError() : this.#run(request, found, { form, swallow: fault === "swallow" });
    const told = fault === "500-after" ? serverError() : answer;
    if (isKept) this.#keys.save(request.key, told);
    return told;
  }

  #checkCaller(headers: IncomingMessage["headers"], fault: FaultKind | undefined): void {
    if (headers.authorization !== `Bearer ${TEST_KEY}` || fault === "401")
      throw new Refusal(401, "Invalid API Key provided");
    if (fault === "403")
      throw new Refusal(403, "The provided key does not have the required permissions for this endpoint.");
    if (fault === "429")
      throw new Refusal(429, "Request rate limit exceeded.", { type: "rate_limit_error", code: "rate_limit" });
    if (fault === "409")
      throw new Refusal(409, "This object cannot be accessed right now because another API request is accessing it.", {
        code: "lock_timeout",
      });
    if (headers["stripe-version"] !== API_VERSION) {
      this.violations.push(`version ${String(headers["stripe-version"])}`);
      throw new Refusal(400, `Invalid Stripe API version: ${String(headers["stripe-version"])}`);
    }
  }

  #check(request: Request, form: { [name: string]: Wire }): FoundOperation {
    const name = `${request.method} ${request.path}`;
    const found = this.#operations.find(request.method, request.path);
    if (!found) {
      this.violations.push(`${name}: no such operation`);
      throw new Refusal(404, `Unrecognized request URL (${request.method}: ${request.path}).`);
    }
    const shape = found.operation.parameters() ?? { kind: "object", fields: new Map() };
    const flaw = checkForm(form, shape);
    if (flaw) {
      this.violations.push(`${name}: ${flaw.message}`);
      throw new Refusal(400, flaw.message, { code: flaw.code, param: flaw.at });
    }
    if (request.method === "POST" && request.key === "") this.violations.push(`${name}: no idempotency key`);
    return found;
  }

  #run(
    request: Request,
    found: FoundOperation,
    { form, swallow }: { form: { [name: string]: Wire }; swallow: boolean },
  ): Answer {
    const name = `${request.method} ${found.operation.path}`;
    const endpoint = endpoints[name];
    if (!endpoint) throw new NotModelled(`the double has no ${name}`);
    try {
      const value = endpoint({ world: this.world, ids: found.ids, form });
      // Taken, answered with 200, and never counted: what Stripe does when it finds a fault with an event afterwards.
      if (swallow) this.world.meterEvents.pop();
      const flaw = checkAnswer(value, found.operation.answer());
      if (flaw) throw new NotModelled(`${name} answers what the SDK does not declare: ${flaw.message}`);
      return { status: 200, body: JSON.stringify(value) };
    } catch (error) {
      // Refused by a rule and not by its form: that is an answer, and kept as one.
      if (error instanceof Refusal) return this.#refusal(error);
      throw error;
    }
  }

  #refusal(error: unknown): Answer {
    if (error instanceof Refusal) {
      const retry = error.status === 400 || error.status === 404 ? { "stripe-should-retry": "false" } : {};
      return { status: error.status, body: JSON.stringify(error.body), headers: retry };
    }
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.mistakes.push(message);
    return {
      status: 501,
      body: JSON.stringify({ error: { type: "api_error", message } }),
      headers: { "stripe-should-retry": "false" },
    };
  }
}

function serverError(): Answer {
  return {
    status: 500,
    body: JSON.stringify({ error: { type: "api_error", message: "Something went wrong on Stripe's end." } }),
  };
}

function respond(
  req: IncomingMessage,
  res: ServerResponse,
  { answer, fault }: { answer: Answer; fault: FaultKind | undefined },
): void {
  if (fault === "hang-after") return;
  if (fault === "drop-after") {
    req.socket.destroy();
    return;
  }
  const body = Buffer.from(answer.body);
  res.writeHead(answer.status, {
    "content-type": "application/json",
    "content-length": body.length,
    "request-id": `req_double_${body.length}`,
    ...answer.headers,
  });
  if (fault === "truncate") {
    res.write(body.subarray(0, Math.floor(body.length / 2)), () => req.socket.destroy());
    return;
  }
  res.end(body);
}

function sendPage(res: ServerResponse, page: ReturnType<typeof pageFor>): void {
  if (!page) res.writeHead(404).end("Not found\n");
  else if ("location" in page) res.writeHead(303, { location: page.location }).end();
  else res.writeHead(page.status, { "content-type": "text/html; charset=utf-8" }).end(page.html);
}
