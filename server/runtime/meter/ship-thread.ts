import { parentPort, workerData } from "node:worker_threads";
import { connect } from "#server/db/client.ts";
import { CallWatch } from "#server/runtime/telemetry/call-watch.ts";
import { createLog } from "#server/std/log.ts";
import { shipData, shipOrder, type ShipReport } from "./ship-messages.ts";
import { Shipper } from "./shipper.ts";

/** At most one word of progress in this time: whoever reads metrics sees them about this late. */
const TELL_EVERY_MS = 200;

/**
 * The shipper's thread: what it computes, for a batch of a few hundred calls, would otherwise hold up each call behind it.
 * As it reads every call's END anyway, it is also where calls become metrics, request lines and spans.
 */
const { dirs, epoch, databaseUrl, logLevel, telemetry, seenTo } = shipData.parse(workerData);
const log = createLog("runtime", logLevel);
const db = connect(databaseUrl, { connectionsMax: 1 });
const calls = await CallWatch.open(telemetry, { epoch, log });
const shipper = new Shipper({
  journals: dirs.map((dir, at) => ({ dir, seenTo: seenTo[at] ?? undefined })),
  db,
  epoch,
  log,
  see(records) {
    calls.see(records);
    tellSoon();
  },
  onProgress: tellSoon,
});
let telling: NodeJS.Timeout | undefined;

parentPort?.on("message", (message: unknown) => {
  const order = shipOrder.parse(message);
  shipper.written(order.currentSegments);
  switch (order.kind) {
    case "written":
      return;
    case "stop":
      return void stop(order.timeMsMax);
  }
});

function tellSoon(): void {
  telling ??= setTimeout(tellProgress, TELL_EVERY_MS);
}

function tellProgress(): void {
  telling = undefined;
  tell({ kind: "progress", seenTo: shipper.seenTo, ship: shipper.progress, calls: calls.report() });
}

function tell(report: ShipReport): void {
  parentPort?.postMessage(report);
}

async function stop(timeMsMax: number): Promise<void> {
  const hasAll = await shipper.stop(timeMsMax);
  await calls.close();
  clearTimeout(telling);
  tellProgress();
  tell({ kind: "stopped", hasAll });
  await db.$disconnect();
  parentPort?.close();
}
