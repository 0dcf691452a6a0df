import { randomBytes } from "node:crypto";

const prefixes = {
  user: "usr",
  organization: "org",
  function: "fn",
  version: "ver",
  deployment: "dep",
  request: "req",
  instance: "ins",
  audit: "aud",
} as const;

type Prefixes = typeof prefixes;
export type IdKind = keyof Prefixes;
/** A branded id: "org_…", "fn_…". The kind can be read from the text, and the compiler keeps kinds apart. */
export type Id<Kind extends IdKind> = `${Prefixes[Kind]}_${string}`;

// Crockford's base 32: 32 letters, so that a byte's low five bits pick one without bias, and none looks like another.
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARACTERS = 20; // 100 bits

/** A new random id of a kind, 100 bits of randomness. */
export function newId<Kind extends IdKind>(kind: Kind): Id<Kind> {
  const bytes = randomBytes(RANDOM_CHARACTERS);
  let text = "";
  for (const byte of bytes) text += ALPHABET[byte & 31];
  return `${prefixes[kind]}_${text}`;
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
