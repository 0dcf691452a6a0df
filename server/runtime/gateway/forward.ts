import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { Transform, type Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { limitInWords, limitWords } from "#server/contract/limit-words.ts";
import type { RequestOutcome } from "#server/contract/usage.ts";
import type { Failure } from "#server/runtime/instances/failure.ts";
import { headerNames } from "#server/runtime/sandbox/worker-config.ts";
import { answerStatus, sendAnswer, type AnswerCode, type PlatformAnswer } from "./answer.ts";
import type { Call } from "./call.ts";
import type { Refusal } from "./desk.ts";
import { reasonPhrase, requestHeaders, responseHeaders } from "./headers.ts";
import type { LimitNotices } from "./limit-notices.ts";
import type { Lease } from "./local-instances.ts";

export type Exchange = {
  req: IncomingMessage;
  res: ServerResponse;
  path: string;
  isSharedOrigin: boolean;
  clientAddress: string;
  proto: "http" | "https";
};

/** What serves an exchange, and where another place for it is had if its instance breaks. */
export type Serving = {
  call: Call;
  lease: Lease;
  notices: LimitNotices;
  enterAnother(): Lease | Promise<Lease | Refusal>;
};

/** Methods that may be sent a second time (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** An answer's end up to this size is joined to its head, which copies it. */
const JOINED_BYTES_MAX = 16 * 1024;

export const CUT_BY_CAP =
  "The answer was cut: the organization's budget has no egress left for the rest of it. Raise the spending cap, or answer with less.";

type AbortReason = "time_limit" | "client_gone" | "replaced" | "spend_cap";

class BodyTooLarge extends Error {}

/** Sends a call to its instance and the answer back, streaming both ways, and sees to it that it ends exactly once. */
export function forward(exchange: Exchange, serving: Serving): void {
  new Forwarding(exchange, serving).begin();
}

class Forwarding implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #serving: Serving;
  readonly #call: Call;
  #lease: Lease;
  #controller: Dispatcher.DispatchController | undefined;
  #wallTimer: NodeJS.Timeout | undefined;
  #status = 0;
  /** Of the answer's body; undefined when it has no declared length. */
  #bytesLeft: number | undefined;
  #abortedFor: AbortReason | undefined;
  #threw = false;
  #wasRetried = false;
  /** Something of the answer has been given to the caller's socket. */
  #hasSent = false;

  constructor(exchange: Exchange, serving: Serving) {
    this.#exchange = exchange;
    this.#serving = serving;
    this.#call = serving.call;
    this.#lease = serving.lease;
  }

  begin(): void {
    this.#wallTimer = setTimeout(() => this.#abort("time_limit"), this.#call.version.limits.wallMsMax);
    this.#exchange.res.on("close", () => {
      if (!this.#call.isOver) this.#abort("client_gone");
    });
    this.#dispatch();
  }

  /** The instance was replaced long ago: what streams so long is cut. */
  expire(): void {
    if (!this.#call.isOver) this.#abort("replaced");
  }

  #dispatch(): void {
    const { req, path, isSharedOrigin, clientAddress, proto } = this.#exchange;
    this.#lease.instance.opened(this);
    const headers = requestHeaders(req, {
      requestId: this.#call.requestId,
      trace: this.#call.trace,
      clientAddress,
      proto,
      stripCookies: isSharedOrigin,
    });
    this.#lease.instance.upstream.dispatch({ path, method: req.method ?? "GET", headers, body: this.#body() }, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortedFor) controller.abort(new Error(this.#abortedFor));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText?: string,
  ): void {
    if (status < 200) return;
    this.#controller = controller;
    this.#status = status;
    if (headers[headerNames.outcome] === "function_threw" || isRuntimesOwn(status, headers)) {
      this.#threw = true;
      return;
    }
    const { res, isSharedOrigin, req } = this.#exchange;
    const length = headers["content-length"];
    const hasBody = req.method !== "HEAD" && status !== 204 && status !== 304;
    this.#bytesLeft = hasBody && length !== undefined ? Number(length) : undefined;
    res.writeHead(status, reasonPhrase(status, statusText), responseHeaders(headers, this.#call, isSharedOrigin));
    // A short answer is here whole at the end of this turn, and then leaves in one write; the head of another one goes ahead.
    queueMicrotask(() => this.#sendHead());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#threw || this.#call.isOver) return;
    const isAllowed = this.#call.allowEgress(chunk.length);
    if (isAllowed === true) {
      this.#pass(controller, chunk);
      return;
    }
    controller.pause();
    void this.#passWhenAllowed(controller, chunk, isAllowed);
  }

  /** The lease has to be enlarged first; where the budget has no more, the answer ends here. */
  async #passWhenAllowed(
    controller: Dispatcher.DispatchController,
    chunk: Buffer,
    isAllowed: boolean | Promise<boolean>,
  ): Promise<void> {
    const mayPass = await isAllowed;
    if (this.#call.isOver) return;
    if (!mayPass) return this.#abort("spend_cap");
    // In this order: resuming brings the next chunk at once.
    if (this.#pass(controller, chunk)) controller.resume();
  }

  /** Gives a chunk to the caller; false when no more is to come for now. */
  #pass(controller: Dispatcher.DispatchController, chunk: Buffer): boolean {
    const { res } = this.#exchange;
    this.#call.egressBytes += chunk.length;
    if (this.#bytesLeft !== undefined) {
      this.#bytesLeft -= chunk.length;
      // The last byte may only leave once the END is written.
      if (this.#bytesLeft <= 0) {
        this.#finish(chunk);
        return true;
      }
    }
    this.#hasSent = true;
    if (res.write(chunk)) return true;
    controller.pause();
    res.once("drain", () => controller.resume());
    return false;
  }

  onResponseEnd(): void {
    if (this.#call.isOver) return;
    if (this.#threw)
      return this.#fail("function_threw", "The function threw an error. Its log of this request says where.");
    this.#finish(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#call.isOver) return;
    if (error instanceof BodyTooLarge) return this.#fail("body_too_large", error.message);
    switch (this.#abortedFor) {
      case "time_limit":
        return this.#fail(
          "time_limit",
          `The function did not answer within its limit of ${this.#call.version.limits.wallMsMax / 1000} s. Answer sooner, or raise "${limitWords.wallMsMax.title}" in its settings.`,
        );
      case "client_gone":
        return this.#close("client_gone", 499);
      case "spend_cap":
        this.#serving.notices.refused(this.#call.version, "spend_cap_reached", CUT_BY_CAP);
        return this.#refuse({ code: "spend_cap_reached", message: CUT_BY_CAP }, "aborted");
      case "replaced":
        return this.#refuse({ code: "platform_failed", message: "The version was replaced. Try again." }, "aborted");
      case undefined:
        void this.#failBecauseInstanceBroke();
    }
  }

  #sendHead(): void {
    if (this.#hasSent || this.#call.isOver) return;
    this.#hasSent = true;
    this.#exchange.res.flushHeaders();
  }

  /** The whole answer is here: END first, then its last bytes. */
  #finish(lastChunk: Buffer | undefined): void {
    const { res } = this.#exchange;
    this.#close("ok", this.#status);
    if (!lastChunk) res.end();
    // As text, a byte a character, Node joins it to the head: one write to the socket instead of two.
    else if (!this.#hasSent && lastChunk.length <= JOINED_BYTES_MAX) res.end(lastChunk.toString("latin1"), "latin1");
    else res.end(lastChunk);
  }

  #fail(code: AnswerCode & RequestOutcome, message: string): void {
    this.#serving.notices.ended(this.#call, code, message);
    this.#refuse({ code, message }, this.#exchange.res.headersSent ? (code === "time_limit" ? code : "aborted") : code);
  }

  #refuse(answer: PlatformAnswer, outcome: RequestOutcome): void {
    const { res } = this.#exchange;
    this.#close(outcome, res.headersSent ? this.#status : answerStatus(answer.code));
    sendAnswer(res, this.#call.requestId, answer, this.#call.trace);
  }

  #close(outcome: RequestOutcome, status: number): void {
    clearTimeout(this.#wallTimer);
    this.#lease.instance.closed(this);
    this.#call.end(outcome, status);
  }

  #abort(reason: AbortReason): void {
    this.#abortedFor ??= reason;
    this.#controller?.abort(new Error(reason));
    // Not yet on a connection: undici will not call back until it is, which may be never.
    if (!this.#controller && !this.#call.isOver) this.onResponseError(nothingToControl, new Error(reason));
  }

  /** The connection broke: because the process ended, and then why is soon known, or for no reason that we know. */
  async #failBecauseInstanceBroke(): Promise<void> {
    const failure = await this.#lease.instance.whyBroken();
    if (this.#call.isOver) return;
    if (this.#abortedFor) return this.onResponseError(nothingToControl, new Error(this.#abortedFor));
    if (this.#maySendAgain(failure)) return this.#sendAgain();
    const { outcome, message } = failure;
    this.#serving.notices.ended(this.#call, outcome, message);
    this.#refuse(
      { code: outcome, message },
      this.#exchange.res.headersSent && outcome === "function_crashed" ? "aborted" : outcome,
    );
  }

  /**
   * A call that lost its instance through another's doing gets one more try, where nobody can see that it was made twice:
   * its method allows that, it has no body, and nothing was answered. Whose doing it was: of a CPU limit the calls that
   * are over it, of a crash and of memory a call that was alone; among several it can't be told, so each gets its try.
   */
  #maySendAgain({ outcome }: Failure): boolean {
    const { req, res } = this.#exchange;
    const isSafe = IDEMPOTENT.has(req.method ?? "") && !hasBody(req) && !res.headersSent && !this.#hasSent;
    if (!isSafe || this.#wasRetried) return false;
    switch (outcome) {
      case "cpu_limit":
        return this.#lease.usedNs() < this.#call.version.limits.cpuMsMax * 1_000_000;
      case "memory_limit":
      case "function_crashed":
        return this.#lease.instance.account.callsAtEnd > 1;
      case "platform_failed":
        return true;
    }
  }

  async #sendAgain(): Promise<void> {
    this.#wasRetried = true;
    this.#controller = undefined;
    this.#lease.instance.closed(this);
    this.#call.leave();
    const entered = await this.#serving.enterAnother();
    if (this.#call.isOver) {
      if (typeof entered !== "string") entered.leave();
      return;
    }
    if (typeof entered === "string")
      return this.#refuse(
        { code: "overloaded", message: "No instance could be started. Try again shortly." },
        "refused",
      );
    this.#lease = entered;
    this.#call.enter(entered);
    this.#dispatch();
  }

  /** The request's body, counted and bounded as it passes; none where the request has none. */
  #body(): Readable | null {
    const { req } = this.#exchange;
    if (!hasBody(req)) return null;
    const bytesMax = this.#call.version.limits.requestBodyBytesMax;
    const call = this.#call;
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        call.ingressBytes += chunk.length;
        if (call.ingressBytes > bytesMax) done(new BodyTooLarge(tooLargeMessage(bytesMax)));
        else done(null, chunk);
      },
    });
    // A request that was refused before anyone read its body has nobody else to hear this.
    counter.on("error", () => undefined);
    req.on("error", (error) => counter.destroy(error));
    req.on("close", () => {
      if (!req.complete) counter.destroy(new Error("the caller hung up"));
    });
    return req.pipe(counter);
  }
}

/**
 * workerd answers for a function that hung (nothing left that could settle its promise) with a bare text that no
 * Response of a function has: 500, these 21 bytes, and no content-type.
 */
function isRuntimesOwn(status: number, headers: IncomingHttpHeaders): boolean {
  return status === 500 && headers["content-length"] === "21" && headers["content-type"] === undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
  if (headers["transfer-encoding"] !== undefined) return true;
  return headers["content-length"] !== undefined && headers["content-length"] !== "0";
}

export function tooLargeMessage(bytesMax: number): string {
  return `The request's body is larger than ${limitInWords("requestBodyBytesMax", bytesMax)}. Send less at once, or raise "${limitWords.requestBodyBytesMax.title}" in the function's settings.`;
}

const nothingToControl: Dispatcher.DispatchController = {
  aborted: true,
  paused: false,
  reason: null,
  abort: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};
