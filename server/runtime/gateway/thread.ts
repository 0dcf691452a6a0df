import { once } from "node:events";
import type { Server } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { Journal } from "#server/runtime/meter/journal.ts";
import { tellLag } from "#server/runtime/telemetry/event-loop-lag.ts";
import { errnoOf, messageOf } from "#server/std/fault.ts";
import { createLog } from "#server/std/log.ts";
import { Desk } from "./desk.ts";
import { createGateway } from "./gateway.ts";
import { LimitNotices } from "./limit-notices.ts";
import { steerToSuccessor } from "./succession.ts";
import { threadData, type ThreadData } from "./thread-messages.ts";
import { Tracing } from "./tracing.ts";
import { TurnedAway } from "./turned-away.ts";

/** At most one word of what was written in this time; the shipper gathers for longer than that itself. */
const TELL_EVERY_MS = 20;
/** What was told to end needs this long for its last words. */
const EXPIRE_MS_MAX = 1_500;

/** One thread of the gateway: a listening socket, a journal and connections to instances of its own. */
if (!parentPort) throw new Error("the gateway runs in threads of the runtime");
const port = parentPort;
const data = threadData.parse(workerData);
const log = createLog("gateway", data.logLevel);
const journal = new Journal(data.journal, log);
const desk = new Desk(port);
const stopping = { isStopping: false };
const server = createGateway({
  stopping,
  desk,
  journal,
  notices: new LimitNotices(desk),
  tracing: new Tracing(data.tracing),
  turnedAway: new TurnedAway(data.turnedAway),
  functionsDomain: data.functionsDomain,
  log,
});

let telling: NodeJS.Timeout | undefined;
journal.onWritten = () => {
  telling ??= setTimeout(() => {
    telling = undefined;
    desk.say({ kind: "written", currentSegment: journal.currentSegment, lastSeq: journal.lastSeq });
  }, TELL_EVERY_MS);
};
journal.onCanWrite = (canWrite) => desk.say({ kind: "canWrite", canWrite });
desk.onDrain = (timeMsMax) => void drain(timeMsMax);
desk.onEnd = (timeMsMax) => void end(timeMsMax);
tellLag(data.lag);
await listen(server, data);

async function listen(server: Server, { port, address }: ThreadData): Promise<void> {
  // Each thread has a socket of its own on the port, and the kernel divides new connections among them.
  server.listen({ port, host: address, reusePort: true });
  try {
    await once(server, "listening");
    desk.say({ kind: "listening" });
  } catch (error) {
    desk.say({ kind: "failed", code: errnoOf(error) ?? null, message: messageOf(error) });
  }
}

/** No new connections; those with a request in flight may finish it, within a bound. */
async function drain(timeMsMax: number): Promise<void> {
  stopping.isStopping = true;
  await steerToSuccessor(server, data);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timers = [
    setTimeout(() => desk.instances.expireAll(), timeMsMax),
    setTimeout(() => server.closeAllConnections(), timeMsMax + EXPIRE_MS_MAX),
  ];
  await Promise.all([closed, desk.instances.allAreOver()]);
  for (const timer of timers) clearTimeout(timer);
  desk.say({ kind: "drained" });
}

/** The instances are gone, and with them what was in flight. */
async function end(timeMsMax: number): Promise<void> {
  await journal.settled(timeMsMax);
  await journal.close();
  clearTimeout(telling);
  desk.say({ kind: "written", currentSegment: journal.currentSegment, lastSeq: journal.lastSeq });
  desk.say({ kind: "ended" });
  port.close();
}
