import { EnvError, readSupervisorEnv } from "#server/env.ts";
import { Fault, messageOf } from "#server/std/fault.ts";
import { startAll, type Supervisor } from "./supervisor.ts";

/** The parent of all processes under `npm start`. Progress goes to standard error; standard output has the ready line only. */
const say = (text: string): void => void process.stderr.write(`sluice: ${text}\n`);

// Asked to stop while it still starts, it stops once that is through: a half-made database would help nobody.
let askToStop: (() => void) | undefined;
const asked = new Promise<void>((resolve) => (askToStop = resolve));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => askToStop?.());
process.on("disconnect", () => askToStop?.());

try {
  const supervisor = await startAll(readSupervisorEnv(), say);
  process.on("SIGUSR2", () => void replaceRuntime(supervisor));
  console.log(`Sluice is ready: console ${supervisor.consoleUrl} functions ${supervisor.functionsUrl}`);
  await asked;
  say("stopping…");
  await supervisor.stop();
  process.exit(0);
} catch (error) {
  if (!(error instanceof Fault || error instanceof EnvError)) throw error;
  say(error.message);
  process.exit(1);
}

/** After an update of the code, or of packages: calls go on meanwhile. */
async function replaceRuntime(supervisor: Supervisor): Promise<void> {
  say("replacing the runtime…");
  try {
    await supervisor.replaceRuntime();
    say("the runtime was replaced");
  } catch (error) {
    say(`the runtime could not be replaced, and the one before goes on: ${messageOf(error)}`);
  }
}
