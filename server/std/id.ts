import { randomFillSync } from "node:crypto";

const prefixes = {
  user: "usr",
  organization: "org",
  function: "fn",
  version: "ver",
  deployment: "dep",
  request: "req",
  instance: "ins",
  audit: "aud",
  alert: "alr",
  mail: "eml",
  invoice: "inv",
  credit: "crd",
  transaction: "txn",
  drill: "drl",
  kvNamespace: "kvn",
  bucket: "bkt",
  accessKey: "sak",
  blob: "blb",
  upload: "upl",
  contentFolder: "cfd",
} as const;

type Prefixes = typeof prefixes;
export type IdKind = keyof Prefixes;
/** A branded id: "org_…", "fn_…". The kind can be read from the text, and the compiler keeps kinds apart. */
export type Id<Kind extends IdKind> = `${Prefixes[Kind]}_${string}`;

// Crockford's base 32: 32 letters, so that a byte's low five bits pick one without bias, and none looks like another.
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARACTERS = 20; // 100 bits

/** Drawn from the kernel many at a time, since drawing costs more than all the rest of an id; each byte is used once. */
const random = Buffer.alloc(RANDOM_CHARACTERS * 256);
let randomUsed = random.length;

/**
 * A new random id of a kind, 100 bits of randomness. A request's begins with its time instead (then 55 random bits): there are
 * so many that an index over random ones would cost more than all else that is kept of a request.
 */
export function newId<Kind extends IdKind>(kind: Kind): Id<Kind> {
  if (randomUsed + RANDOM_CHARACTERS > random.length) {
    randomFillSync(random);
    randomUsed = 0;
  }
  let text = kind === "request" ? timeText(Date.now()) : "";
  for (let left = RANDOM_CHARACTERS - text.length; left > 0; left -= 1) {
    text += ALPHABET[(random[randomUsed] ?? 0) & 31];
    randomUsed += 1;
  }
  return `${prefixes[kind]}_${text}`;
}

const TIME_CHARACTERS = 9; // 45 bits of milliseconds since 1970: until the year 3084
let lastTime = { ms: -1, text: "" };

/** Texts ascend as times do. Many ids are made in one millisecond. */
function timeText(ms: number): string {
  if (ms === lastTime.ms) return lastTime.text;
  let text = "";
  for (let rest = ms; text.length < TIME_CHARACTERS; rest = Math.floor(rest / 32))
    text = `${ALPHABET[rest % 32]}${text}`;
  lastTime = { ms, text };
  return text;
}

/** Whether a text has the form of an id of that kind. It says nothing of whether such a thing exists. */
export function isId<Kind extends IdKind>(kind: Kind, text: string): text is Id<Kind> {
  return text.startsWith(`${prefixes[kind]}_`) && /^[a-z]+_[0-9A-Za-z]{1,40}$/.test(text);
}

/** Reads an id that our own database wrote; a wrong one is a bug, and thrown as such. */
export function asId<Kind extends IdKind>(kind: Kind, text: string): Id<Kind> {
  if (!isId(kind, text)) throw new Error(`not an id of kind ${kind}: ${text.slice(0, 60)}`);
  return text;
}
