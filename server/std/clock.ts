/** Time as a parameter, so that tests can move it. */
export interface Clock {
  /** Wall clock, milliseconds since 1970, UTC. May jump. */
  nowMs(): number;
  /** Monotonic, microseconds from an arbitrary origin. For durations. */
  monotonicUs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => performance.now() * 1000,
};

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The first moment of the UTC hour that holds the given time. */
export function hourStart(at: Date): Date {
  return new Date(at.getTime() - (at.getTime() % HOUR_MS));
}

/** The first moment of the UTC day that holds the given time. */
export function dayStart(at: Date): Date {
  return new Date(at.getTime() - (at.getTime() % DAY_MS));
}

/** The first moment of the UTC month that holds the given time. */
export function monthStart(at: Date): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
}

/** The first moment of the UTC month after the one that holds the given time. */
export function nextMonthStart(at: Date): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
}
