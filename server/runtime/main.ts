import { EnvError, readRuntimeEnv } from "#server/env.ts";
import { Fault } from "#server/std/fault.ts";
import { endWithParent } from "#server/std/lifeline.ts";
import { createLog } from "#server/std/log.ts";
import { startRuntime } from "./runtime.ts";

/** The runtime process: `npm run runtime`, or a child of `npm start`. Says one line on stdout when it serves. */
try {
  const env = readRuntimeEnv();
  const log = createLog("runtime", env.LOG_LEVEL);
  const runtime = await startRuntime(env, log, (error) => {
    log.fatal({ err: error }, "a thread of the gateway ended: the runtime ends too, to be started again");
    process.exit(1);
  });
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= runtime.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "the runtime did not stop cleanly");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  endWithParent(env, stop);
  console.log("runtime ready");
} catch (error) {
  if (!(error instanceof Fault || error instanceof EnvError)) throw error;
  console.error(error.message);
  process.exit(1);
}
