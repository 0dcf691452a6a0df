import type { BareWorkerd } from "./bare-workerd.ts";
import type { BenchPostgres } from "./database.ts";

/** What every part of the benchmark is given. It starts what else it needs, and stops it. */
export type Stage = {
  /** A folder for this part alone. */
  dir: string;
  postgres: BenchPostgres;
  bare: BareWorkerd;
  say: (text: string) => void;
};

/** Something that was wished for, in words, what came of it, and whether that is enough. */
export type Aim =
  | { kind: "met" | "missed"; what: string; figure: string }
  | { kind: "not measured"; what: string; why: string };

export type Section = { title: string; lines: readonly string[] };
export type Findings = { sections: readonly Section[]; aims: readonly Aim[] };

export type Part = (stage: Stage) => Promise<Findings>;

type Bound = { what: string; value: number; figure: string };

export function atLeast(bound: number, { what, value, figure }: Bound): Aim {
  return { kind: value >= bound ? "met" : "missed", what, figure };
}

export function atMost(bound: number, { what, value, figure }: Bound): Aim {
  return { kind: value <= bound ? "met" : "missed", what, figure };
}
