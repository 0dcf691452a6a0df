import { parentPort, workerData } from "node:worker_threads";
import { connect } from "#server/db/client.ts";
import { createLog } from "#server/std/log.ts";
import { shipData, shipOrder, type ShipReport } from "./ship-messages.ts";
import { Shipper } from "./shipper.ts";

/** The shipper's thread: what it computes, for a batch of a few hundred calls, would otherwise hold up each call behind it. */
const { dirs, epoch, databaseUrl, logLevel } = shipData.parse(workerData);
const log = createLog("runtime", logLevel);
const db = connect(databaseUrl, { connectionsMax: 1 });
const shipper = new Shipper(dirs, db, epoch, log);

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

async function stop(timeMsMax: number): Promise<void> {
  const report: ShipReport = { hasAll: await shipper.stop(timeMsMax) };
  parentPort?.postMessage(report);
  await db.$disconnect();
  parentPort?.close();
}
