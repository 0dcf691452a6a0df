const NS_PER_S = 1_000_000_000n;

/** Memory for one function's rate, shared by the gateway's threads. */
export function rateMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/**
 * Whether a call may begin under a bound of so many a second: the generic cell rate algorithm (ITU-T I.371), which keeps one
 * number, the time at which the next call would be due were they evenly spaced. A second's worth may come at once.
 */
export function mayBegin(memory: BigInt64Array<SharedArrayBuffer>, perSecondMax: number, nowNs: bigint): boolean {
  const spacingNs = NS_PER_S / BigInt(perSecondMax);
  for (;;) {
    const dueNs = Atomics.load(memory, 0);
    const fromNs = dueNs > nowNs ? dueNs : nowNs;
    if (fromNs - nowNs + spacingNs > NS_PER_S) return false;
    if (Atomics.compareExchange(memory, 0, dueNs, fromNs + spacingNs) === dueNs) return true;
  }
}
