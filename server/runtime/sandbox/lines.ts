import type { Readable } from "node:stream";

const LINE_BYTES_MAX = 64 * 1024;

/** Calls back for each line; what is longer than 64 KB is cut, so that one endless line can't fill the memory. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, LINE_BYTES_MAX);
    for (const line of lines) onLine(line);
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}
