/** W3C Trace Context: reading and writing its headers. Pure; whose word counts for what is decided in tracing.ts. */

/** The caller's place in its trace. */
export type TraceParent = { traceId: string; parentId: string; flags: number };

/** Whoever sends the header may have recorded the request. */
export const SAMPLED = 0x01;
/** The trace's id is random as a whole (Level 2). */
export const RANDOM_TRACE_ID = 0x02;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/**
 * A `traceparent`, or undefined when it is none, malformed, or there were two (Node joins them with a comma, which no form
 * allows). What a later version appends is left out, and of its flags only the sampled one is known to keep its meaning.
 */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  const [, version = "", traceId = "", parentId = "", flags = "", rest] = TRACEPARENT.exec(text ?? "") ?? [];
  if (version === "" || version === "ff" || traceId === NO_TRACE || parentId === NO_SPAN) return undefined;
  if (version === "00" && rest !== undefined) return undefined;
  const known = version === "00" ? SAMPLED | RANDOM_TRACE_ID : SAMPLED;
  return { traceId, parentId, flags: Number.parseInt(flags, 16) & known };
}

/** The value of a `traceparent`, and of a `traceresponse`, which has the same form. */
export function formatTraceparent({ traceId, parentId, flags }: TraceParent): string {
  return `00-${traceId}-${parentId}-${flags.toString(16).padStart(2, "0")}`;
}

const MEMBERS_MAX = 32;
/** What a participant has to pass on at least; what is longer loses whole members, as the specification says. */
const TRACESTATE_CHARACTERS_MAX = 512;
const LONG_MEMBER_CHARACTERS = 128;
const MEMBER = /^([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * A `tracestate` as it may be passed on: as it came, shortened by whole members when it is longer than 512 characters
 * (long ones first, then from the end), or undefined when it is empty or breaks the format.
 */
export function passableTracestate(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const members = text
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = members.map((member) => MEMBER.exec(member)?.[1]);
  if (members.length === 0 || members.length > MEMBERS_MAX) return undefined;
  if (keys.includes(undefined) || new Set(keys).size < keys.length) return undefined;
  return text.length <= TRACESTATE_CHARACTERS_MAX ? text : shortened(members);
}

function shortened(members: string[]): string | undefined {
  const kept = [...members];
  const length = () => kept.reduce((sum, member) => sum + member.length + 1, -1);
  for (let at = kept.length - 1; at >= 0 && length() > TRACESTATE_CHARACTERS_MAX; at -= 1) {
    if ((kept[at] ?? "").length > LONG_MEMBER_CHARACTERS) kept.splice(at, 1);
  }
  while (length() > TRACESTATE_CHARACTERS_MAX) kept.pop();
  return kept.length > 0 ? kept.join(",") : undefined;
}
