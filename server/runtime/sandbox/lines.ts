import type { Readable } from "node:stream";

const LINE_BYTES_MAX = 64 * 1024;
/** Reading a line costs the platform about 10 us, so what is read of one stream takes 2 or 3 % of a core at most. */
const BYTES_PER_S_MAX = 256 * 1024;
const BURST_BYTES_MAX = 1024 * 1024;

/**
 * Calls back for each line; what is longer than 64 KB is cut, so that one endless line can't fill the memory. Who prints
 * faster than a bound is read no faster: the pipe fills, and the printing process waits. `onSlowed` is told so.
 */
export function readLines(stream: Readable, onLine: (line: string) => void, onSlowed?: () => void): void {
  let rest = "";
  let allowance = BURST_BYTES_MAX;
  let countedAt = performance.now();
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, LINE_BYTES_MAX);
    for (const line of lines) onLine(line);
    const now = performance.now();
    allowance = Math.min(BURST_BYTES_MAX, allowance + ((now - countedAt) / 1000) * BYTES_PER_S_MAX) - chunk.length;
    countedAt = now;
    if (allowance >= 0 || !onSlowed) return;
    stream.pause();
    setTimeout(() => stream.resume(), (-allowance / BYTES_PER_S_MAX) * 1000);
    onSlowed();
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}
