import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { connect } from "#server/db/client.ts";
import { errnoOf, messageOf } from "#server/std/fault.ts";
import { createLog } from "#server/std/log.ts";
import { Seal } from "#server/std/seal.ts";
import { findAccessKey } from "#server/storage/objects/access-keys.ts";
import { openObjectStore } from "#server/storage/objects/object-store.ts";
import { Sweeper } from "#server/storage/objects/sweep.ts";
import { createDoor } from "./door.ts";
import { doorData, doorOrder, type DoorWord } from "./thread-data.ts";

const CONNECTIONS_MAX = 10;
const SWEEP_EVERY_MS = 60_000;

/** The S3 door's own thread: what it hashes and parses holds up neither the gateway nor the supervisor of instances. */
if (!parentPort) throw new Error("the S3 door runs in a thread of the runtime");
const port = parentPort;
const data = doorData.parse(workerData);
const log = createLog("s3", data.logLevel);
const db = connect(data.databaseUrl, { connectionsMax: CONNECTIONS_MAX });
const seal = new Seal(data.secretsKey);
const store = await openObjectStore({ db, dataDir: data.dataDir });
const server = createDoor({
  store,
  findKey: (accessKeyId) => findAccessKey({ db, seal }, accessKeyId),
  domain: data.domain,
  log,
});
const sweeper = new Sweeper(store);
let sweeping: Promise<void> | undefined;
const timer = setInterval(() => (sweeping ??= sweep().finally(() => (sweeping = undefined))), SWEEP_EVERY_MS);
port.on("message", (message: unknown) => void drain(doorOrder.parse(message).timeMsMax));
await listen();

async function listen(): Promise<void> {
  // Shared, so that a runtime that takes over can listen beside this one.
  server.listen({ port: data.port, host: data.address, reusePort: true });
  try {
    await once(server, "listening");
    say({ kind: "listening" });
  } catch (error) {
    say({ kind: "failed", code: errnoOf(error) ?? null, message: messageOf(error) });
  }
}

async function sweep(): Promise<void> {
  try {
    const report = await sweeper.sweep();
    if (report === "foreign_folder")
      log.warn(
        "DATA_DIR/objects belongs to another database: nothing is swept there. Check DATABASE_URL and DATA_DIR.",
      );
    else if (report.orphans + report.staleWrites + report.oldUploads > 0) log.info(report, "objects swept");
  } catch (error) {
    log.error({ err: error }, "objects could not be swept; tried again in a minute");
  }
}

/** No new connections; what is in flight may finish, within a bound. */
async function drain(timeMsMax: number): Promise<void> {
  clearInterval(timer);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), timeMsMax);
  await closed;
  clearTimeout(cut);
  await sweeping;
  await db.$disconnect();
  port.close();
}

function say(word: DoorWord): void {
  port.postMessage(word);
}
