import { Fault } from "#server/std/fault.ts";

/**
 * A place in a function's log, between two entries. Entries go by their time, then lines before requests, then by their number;
 * `moment` is the place before all entries of its millisecond.
 */
export type Position = { kind: "line" | "request" | "moment"; atMs: number; epoch: bigint; seq: bigint };

export function moment(atMs: number): Position {
  return { kind: "moment", atMs, epoch: 0n, seq: 0n };
}

/** Sorts the newest first. */
export function compareBack(a: Position, b: Position): number {
  if (a.atMs !== b.atMs) return b.atMs - a.atMs;
  if (a.kind !== b.kind) return a.kind === "line" ? -1 : 1;
  return Number(b.epoch - a.epoch) || Number(b.seq - a.seq);
}

/** What of a kind lies before a position, as the key that all of it is smaller than. */
export function upTo(kind: "line" | "request", position: Position): { at: Date; epoch: bigint; seq: bigint } {
  const { atMs, epoch, seq } = position;
  if (kind === position.kind) return { at: new Date(atMs), epoch, seq };
  // Going back, a millisecond's lines come first and its requests after them.
  const isAfterwards = kind === "request" && position.kind === "line";
  return { at: new Date(isAfterwards ? atMs + 1 : atMs), epoch: 0n, seq: 0n };
}

const kinds = { l: "line", r: "request", m: "moment" } as const;

export function positionText({ kind, atMs, epoch, seq }: Position): string {
  return `${kind[0]}.${atMs}.${epoch}.${seq}`;
}

/** Reads what `positionText` wrote; it went through a browser, so it may be anything. */
export function parsePosition(text: string): Position {
  const match = /^([lrm])\.(\d{1,15})\.(\d{1,18})\.(\d{1,18})$/.exec(text);
  const [, letter, atMs, epoch, seq] = match ?? [];
  if (!letter || !atMs || !epoch || !seq)
    throw new Fault("invalid", "That place in the log does not exist. Search again.");
  return {
    kind: kinds[letter === "l" || letter === "r" ? letter : "m"],
    atMs: Number(atMs),
    epoch: BigInt(epoch),
    seq: BigInt(seq),
  };
}
