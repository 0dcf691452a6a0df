import { availableParallelism, totalmem } from "node:os";
import type { RuntimeEnv } from "#server/env.ts";
import type { FleetOptions } from "./fleet.ts";

const MB = 1024 * 1024;
/** Of the machine's memory, what instances may take; one that works takes about 12 MB, and much more when it has to. */
const MEMORY_SHARE = 0.75;
const INSTANCE_MEMORY_BYTES = 64 * MB;
const INSTANCES_MIN = 8;
/** Of a node's instances, what one organization may have. */
const ORGANIZATION_SHARE = 0.8;
const STARTING_MIN = 4;
/** A call that waits holds a connection and some KB, so all organizations together have a bound too. */
const ORGANIZATIONS_WAITING = 10;

type Bounds = Pick<
  FleetOptions,
  "instanceIdleMs" | "replacedMsMax" | "instancesMax" | "instancesPerOrganizationMax" | "startingMax" | "waiting"
>;

/** What keeps this machine alive whatever is asked of it. */
export function nodeBounds(env: RuntimeEnv): Bounds {
  const instancesMax =
    env.INSTANCES_MAX || Math.max(INSTANCES_MIN, Math.floor((totalmem() * MEMORY_SHARE) / INSTANCE_MEMORY_BYTES));
  return {
    instanceIdleMs: env.INSTANCE_IDLE_MS,
    replacedMsMax: env.REPLACED_MS_MAX,
    instancesMax,
    instancesPerOrganizationMax: Math.max(1, Math.floor(instancesMax * ORGANIZATION_SHARE)),
    startingMax: Math.max(STARTING_MIN, 2 * availableParallelism()),
    waiting: { perOrganizationMax: env.WAITING_MAX, totalMax: ORGANIZATIONS_WAITING * env.WAITING_MAX },
  };
}
