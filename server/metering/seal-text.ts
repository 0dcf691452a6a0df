import { createHash } from "node:crypto";

/**
 * What a seal is a hash of, in plain text, so that a stand-alone script can add it up again with this file and an export.
 * Everything is text here, as in a CSV: integers in decimal, times as "2026-11-24T10:00:00.000Z", what is absent as "".
 *
 * - A fact's line is the JSON array of its columns, all strings, and a line feed. An hour's digest is the SHA-256, in hex, of
 *   the lines of its billed facts, ascending by epoch and then by seq, both as numbers.
 * - A seal's text is the first line below and then "name value" a line, each line ended by a line feed. Its hash is the
 *   SHA-256 of that text, in hex. `previous_hash` is the hash of the organization's seal before it; 64 zeros in the first.
 * - An hour may be sealed again, as its next revision, when facts came late: the digest is of all its facts then, and the
 *   totals are absolute. So only an hour's newest revision can be compared with the facts; the earlier ones are links.
 */
export const factColumns = [
  "epoch",
  "seq",
  "kind",
  "function_id",
  "version_id",
  "request_id",
  "occurred_at",
  "status",
  "outcome",
  "cpu_ns",
  "egress_bytes",
] as const;

export const sealColumns = [
  "organization_id",
  "number",
  "hour_at",
  "revision",
  "requests",
  "cpu_ns",
  "egress_bytes",
  "facts",
  "facts_digest",
  "sealed_at",
  "previous_hash",
] as const;

export type SealedFact = Record<(typeof factColumns)[number], string>;
export type SealContent = Record<(typeof sealColumns)[number], string>;
export type Seal = SealContent & { hash: string };

const FIRST_LINE = "sluice usage seal 1";

/** What the first seal of a chain names as the one before it. */
export const NO_HASH = "0".repeat(64);

/** Adds up an hour's facts. Hand them in ascending by epoch and seq. */
export class FactsSum {
  readonly #hash = createHash("sha256");
  #requests = 0n;
  #cpuNs = 0n;
  #egressBytes = 0n;
  #facts = 0n;

  add(fact: SealedFact): void {
    this.#hash.update(factLine(fact));
    this.#facts += 1n;
    if (fact.kind === "request") this.#requests += 1n;
    this.#cpuNs += BigInt(fact.cpu_ns);
    this.#egressBytes += BigInt(fact.egress_bytes);
  }

  /** Ends it: what a seal says of the hour. */
  end(): Pick<SealContent, "requests" | "cpu_ns" | "egress_bytes" | "facts" | "facts_digest"> {
    return {
      requests: String(this.#requests),
      cpu_ns: String(this.#cpuNs),
      egress_bytes: String(this.#egressBytes),
      facts: String(this.#facts),
      facts_digest: this.#hash.digest("hex"),
    };
  }
}

function factLine(fact: SealedFact): string {
  return `${JSON.stringify(factColumns.map((column) => fact[column]))}\n`;
}

export function sealText(seal: SealContent): string {
  return [FIRST_LINE, ...sealColumns.map((column) => `${column} ${seal[column]}`), ""].join("\n");
}

export function sealHash(seal: SealContent): string {
  return createHash("sha256").update(sealText(seal)).digest("hex");
}

/** What is wrong with a chain in itself, without its facts: undefined when each link holds. Hand all of an organization's seals in. */
export function brokenLink(seals: readonly Seal[]): { number: string; reason: string } | undefined {
  const revisions = new Map<string, bigint>();
  let previousHash = NO_HASH;
  for (const [index, seal] of seals.entries()) {
    const revision = (revisions.get(seal.hour_at) ?? 0n) + 1n;
    const reason = linkTrouble(seal, { number: index + 1, revision, previousHash, first: seals[0] });
    if (reason !== undefined) return { number: seal.number, reason };
    revisions.set(seal.hour_at, revision);
    previousHash = seal.hash;
  }
  return undefined;
}

type Expected = { number: number; revision: bigint; previousHash: string; first: Seal | undefined };

function linkTrouble(seal: Seal, { number, revision, previousHash, first }: Expected): string | undefined {
  if (seal.number !== String(number)) return `it should be number ${number}`;
  if (seal.organization_id !== first?.organization_id) return "it is another organization's";
  if (seal.revision !== String(revision)) return `it should be revision ${revision} of its hour`;
  if (seal.previous_hash !== previousHash) return "it does not follow on the seal before it";
  if (seal.hash !== sealHash(seal)) return "its hash is not that of what it says";
  return undefined;
}

/** The newest revision of each hour: those whose facts are in the ledger now. */
export function newestRevisions(seals: readonly Seal[]): Seal[] {
  return [...new Map(seals.map((seal) => [seal.hour_at, seal])).values()];
}
