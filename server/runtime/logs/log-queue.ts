import type { LogFact } from "#server/metering/logs.ts";

/** A printed line that has no number yet: it gets one when it is stored. */
export type WaitingLine = Omit<LogFact, "epoch" | "seq">;

/** What a line costs in memory beside its text. */
const LINE_BYTES = 400;

/**
 * Lines that wait to be stored, by organization. Each may fill as much as is still free, so one alone fills half, a second half
 * of what the first has left, and so on: whoever floods, there is room for the others. Each takes its turn when lines leave.
 */
export class LogQueue {
  readonly #bytesMax: number;
  readonly #waiting = new Map<string, { lines: WaitingLine[]; bytes: number }>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** False when the organization has no room left; the line is then not kept. */
  add(line: WaitingLine): boolean {
    const bytes = sizeOf(line);
    const own = this.#waiting.get(line.organizationId) ?? { lines: [], bytes: 0 };
    if (own.bytes + bytes > this.#bytesMax - this.#bytes) return false;
    own.lines.push(line);
    own.bytes += bytes;
    this.#bytes += bytes;
    this.#waiting.set(line.organizationId, own);
    return true;
  }

  /** Takes lines out, one of each organization in turn, each organization's oldest first, until there are enough. */
  take({ linesMax, bytesMax }: { linesMax: number; bytesMax: number }): WaitingLine[] {
    const batch: WaitingLine[] = [];
    let bytes = 0;
    for (let round = 0, before = -1; before < batch.length; round += 1) {
      before = batch.length;
      for (const { lines } of this.#waiting.values()) {
        const line = lines[round];
        if (!line || batch.length >= linesMax || bytes >= bytesMax) continue;
        batch.push(line);
        bytes += sizeOf(line);
      }
    }
    this.#remove(batch);
    return batch;
  }

  #remove(batch: readonly WaitingLine[]): void {
    const taken = new Map<string, number>();
    for (const { organizationId } of batch) taken.set(organizationId, (taken.get(organizationId) ?? 0) + 1);
    for (const [organizationId, count] of taken) {
      const own = this.#waiting.get(organizationId);
      if (!own) continue;
      // Those that were served go to the end, so that with many organizations each batch begins with others.
      this.#waiting.delete(organizationId);
      for (const line of own.lines.splice(0, count)) {
        own.bytes -= sizeOf(line);
        this.#bytes -= sizeOf(line);
      }
      if (own.lines.length > 0) this.#waiting.set(organizationId, own);
    }
  }
}

/** Some of what a line takes: characters are counted as two bytes each. */
export function sizeOf(line: WaitingLine): number {
  return LINE_BYTES + 2 * line.message.length;
}
