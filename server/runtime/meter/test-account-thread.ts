import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
import { callKey, CpuAccount } from "./cpu-account.ts";

/** A thread of cpu-account.test.ts: enters and leaves, and says what its calls were charged. The clock advances at each reading. */
const shared = z.instanceof(SharedArrayBuffer);
const { memory, clock, rounds, thread } = z
  .object({ memory: shared, clock: shared, rounds: z.number(), thread: z.number() })
  .parse(workerData);
const counter = new BigInt64Array(clock);
const account = new CpuAccount(memory, () => Number(Atomics.add(counter, 0, 3n)));

let sumNs = 0;
for (let round = 0; round < rounds; round += 1) {
  const place = account.enter(callKey(`${thread}.${round}`));
  if (place !== undefined) sumNs += account.leave(place);
}
parentPort?.postMessage(sumNs);
