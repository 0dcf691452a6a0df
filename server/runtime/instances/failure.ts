import { limitWords } from "#server/contract/limit-words.ts";

/** Why an instance was ended by the platform, where it was. */
export type EndReason =
  | "cpu_limit"
  | "memory_limit"
  | "idle"
  | "replaced"
  | "shutdown"
  | "failed_start"
  | "no_room"
  | "spend_cap";

export type Failure = {
  outcome: "cpu_limit" | "memory_limit" | "function_crashed" | "platform_failed";
  message: string;
};

const OUT_OF_HEAP = "JavaScript heap out of memory";

const outOfMemory: Failure = {
  outcome: "memory_limit",
  message: `The function used more memory than its limit allows. Keep less at once, stream large bodies, or raise "${limitWords.memoryMbMax.title}" in its settings.`,
};

/** What callers are told whose instance is gone. `lastWords` is what it printed at its end. */
export function describeEnd(reason: EndReason | undefined, lastWords: string, hasListened: boolean): Failure {
  switch (reason) {
    case "cpu_limit":
      return {
        outcome: "cpu_limit",
        message: `The function used more CPU time than its limit allows. Do less in one request, or raise "${limitWords.cpuMsMax.title}" in its settings.`,
      };
    case "memory_limit":
      return outOfMemory;
    case "idle":
    case "replaced":
    case "shutdown":
    case "no_room":
      return { outcome: "platform_failed", message: "The instance was stopped by the platform. Try again." };
    case "spend_cap":
      return {
        outcome: "platform_failed",
        message:
          "The instance was stopped: the organization's budget has nothing left for what it does beside its calls.",
      };
    case "failed_start":
      return lastWords.includes(OUT_OF_HEAP)
        ? outOfMemory
        : {
            outcome: "function_crashed",
            message: "The function did not start in time. Code outside of handlers must end quickly.",
          };
    case undefined:
      return lastWords.includes(OUT_OF_HEAP) ? outOfMemory : describeCrash(lastWords, hasListened);
  }
}

function describeCrash(lastWords: string, hasListened: boolean): Failure {
  return {
    outcome: "function_crashed",
    message: hasListened
      ? "The function's process ended while it worked on the request. See its logs."
      : `The function could not start: ${lastWords.split("\n")[0]?.slice(0, 500) || "it printed nothing"}`,
  };
}
