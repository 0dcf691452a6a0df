// Loaded into every Node process of a Sluice under test (`NODE_OPTIONS=--import`): "now" is the machine's clock plus as many
// milliseconds as the file that CLOCK_OFFSET_FILE names says. It is in no code of the product, so no setting of an
// installation can move its clock. Timers, and Postgres's own clock, stay as they are.
import { readFileSync } from "node:fs";

const READ_EVERY_MS = 50;
const path = process.env.CLOCK_OFFSET_FILE;

if (path) {
  const RealDate = globalThis.Date;
  const realNow = RealDate.now;
  let offsetMs = 0;
  let readAtMs = 0;
  const now = () => {
    const nowMs = realNow();
    if (nowMs - readAtMs >= READ_EVERY_MS) {
      readAtMs = nowMs;
      offsetMs = readOffset(path);
    }
    return nowMs + offsetMs;
  };
  RealDate.now = now;
  // A proxy and no subclass: what native code makes is an instance of it all the same.
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: (Target) => new Target(now()).toString(),
  });
}

function readOffset(file) {
  try {
    return Number(readFileSync(file, "utf8")) || 0;
  } catch {
    return 0; // Nobody has moved it yet.
  }
}
