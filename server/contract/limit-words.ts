import type { LimitName } from "./limits.ts";

export type LimitWords = {
  title: string;
  /** As people read it; empty for a count. */
  unit: string;
  /** How much of the limit's own unit one of `unit` is. */
  per: number;
  /** What happens to whom when it is reached. */
  whenReached: string;
};

const KB = 1024;

/** How each limit is called wherever people meet it. */
export const limitWords: Record<LimitName, LimitWords> = {
  cpuMsMax: {
    title: "CPU time of a request",
    unit: "ms",
    per: 1,
    whenReached: "The process is ended and replaced, and the caller gets 502 cpu_limit.",
  },
  wallMsMax: {
    title: "Wall time of a request",
    unit: "ms",
    per: 1,
    whenReached: "A request whose answer is not over by then is cut off: 504 time_limit where none has begun.",
  },
  memoryMbMax: {
    title: "Memory of an instance",
    unit: "MB",
    per: 1,
    whenReached: "The process is ended and replaced, and those it worked for get 502 memory_limit.",
  },
  requestBodyBytesMax: {
    title: "Body of a request",
    unit: "MB",
    per: KB * KB,
    whenReached: "A larger body gets 413 body_too_large.",
  },
  concurrencyPerInstanceMax: {
    title: "Requests at once in an instance",
    unit: "",
    per: 1,
    whenReached: "The next request goes to another instance, which is started if need be.",
  },
  instancesMax: {
    title: "Instances at once",
    unit: "",
    per: 1,
    whenReached: "When all are full, requests wait for a place; who waits too long gets 503 overloaded.",
  },
  requestsPerSecondMax: {
    title: "Requests a second",
    unit: "",
    per: 1,
    whenReached: "A request beyond it gets 429 rate_limited, with the time after which to try again.",
  },
  subRequestsMax: {
    title: "Subrequests of a request",
    unit: "",
    per: 1,
    whenReached:
      "A fetch beyond it gets a Response with status 429, a connection is refused. Each redirect counts as one.",
  },
  logBytesMax: {
    title: "Printed text of a request",
    unit: "KB",
    per: KB,
    whenReached: "The rest of what the request prints is dropped, and a line says so.",
  },
};

/** "10,000 ms", "100 MB", "50". */
export function limitInWords(name: LimitName, value: number): string {
  const { unit, per } = limitWords[name];
  const shown = (value / per).toLocaleString("en-US", { maximumFractionDigits: 2 });
  return unit === "" ? shown : `${shown} ${unit}`;
}
