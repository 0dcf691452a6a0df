/** What a value may look like, read from the SDK's declarations. Members are resolved when they are first asked for. */
export type Shape =
  | { kind: "string" | "number" | "boolean" | "null" | "decimal" | "anything" }
  | { kind: "literal"; value: string | number | boolean }
  | { kind: "array"; item: () => Shape }
  | { kind: "map"; value: () => Shape }
  | { kind: "object"; fields: Map<string, Field> }
  | { kind: "union"; members: Shape[] };

export type Field = { isOptional: boolean; shape: () => Shape };

/** A wrong value: where, and what is wrong with it. The code is Stripe's own. */
export type Flaw = {
  at: string;
  code: "parameter_unknown" | "parameter_missing" | "parameter_invalid";
  message: string;
};

/** What is written on the wire: forms know texts, lists and named parts; JSON knows numbers, booleans and null as well. */
export type Wire = string | number | boolean | null | Wire[] | { [name: string]: Wire };

const DECIMAL = /^-?\d+(\.\d{1,12})?$/;
const INTEGER = /^-?\d+$/;
/** The few numbers that Stripe lets be broken are shares. */
const BROKEN_NUMBER = /percent/;

type Scalar = Exclude<Shape["kind"], "literal" | "array" | "map" | "object" | "union">;
type Claim = { holds(value: Wire, at: string): boolean; says: string };

/** In a form all values are texts, as Stripe gets them. */
const formScalars: Record<Scalar, Claim> = {
  anything: { holds: () => true, says: "" },
  string: { holds: (value) => typeof value === "string", says: "is a text" },
  null: { holds: (value) => value === "", says: "is empty" },
  decimal: {
    holds: (value) => typeof value === "string" && DECIMAL.test(value),
    says: "is a decimal with at most 12 places, written plainly",
  },
  number: {
    holds: (value, at) => typeof value === "string" && (BROKEN_NUMBER.test(at) ? DECIMAL : INTEGER).test(value),
    says: "is an integer",
  },
  boolean: { holds: (value) => value === "true" || value === "false", says: "is true or false" },
};

const jsonScalars: Record<Scalar, Claim> = {
  anything: { holds: () => true, says: "" },
  string: { holds: (value) => typeof value === "string", says: "is a text" },
  null: { holds: (value) => value === null, says: "is null" },
  decimal: { holds: (value) => typeof value === "string" && DECIMAL.test(value), says: "is a decimal, as a text" },
  number: { holds: (value) => typeof value === "number", says: "is a number" },
  boolean: { holds: (value) => typeof value === "boolean", says: "is true or false" },
};

/**
 * Checks a decoded form. A number in exponent notation, an empty text for something that can't be emptied and a name
 * that the declarations lack are all refused.
 */
export function checkForm(value: Wire, shape: Shape, at = ""): Flaw | undefined {
  const check: Check = { scalars: formScalars, literal: String, isWhole: true };
  return checkShape(value, shape, { at, check });
}

/** Checks an answer of the double's own: no name and no type that the declarations lack. What it does not model it leaves out. */
export function checkAnswer(value: Wire, shape: Shape, at = ""): Flaw | undefined {
  const check: Check = { scalars: jsonScalars, literal: (literal) => literal, isWhole: false };
  return checkShape(value, shape, { at, check });
}

type Check = {
  scalars: Record<Scalar, Claim>;
  /** How a literal is written. */
  literal(value: string | number | boolean): Wire;
  /** Whether what is declared and not optional has to be there. */
  isWhole: boolean;
};
type Place = { at: string; check: Check };

function checkShape(value: Wire, shape: Shape, { at, check }: Place): Flaw | undefined {
  switch (shape.kind) {
    case "literal":
      return value === check.literal(shape.value) ? undefined : invalid(at, `is ${JSON.stringify(shape.value)}`);
    case "array":
      return checkList(value, shape.item, { at, check });
    case "map":
    case "object":
      return checkNamed(value, shape, { at, check });
    case "union":
      return checkUnion(value, shape.members, { at, check });
    case "anything":
    case "string":
    case "null":
    case "decimal":
    case "number":
    case "boolean":
      return checkScalar(value, check.scalars[shape.kind], at);
  }
}

function checkScalar(value: Wire, claim: Claim, at: string): Flaw | undefined {
  return claim.holds(value, at) ? undefined : invalid(at, claim.says);
}

function checkList(value: Wire, item: () => Shape, { at, check }: Place): Flaw | undefined {
  if (!Array.isArray(value)) return invalid(at, "is a list");
  return firstFlaw(value, (one, index) => checkShape(one, item(), { at: `${at}[${index}]`, check }));
}

function checkNamed(
  value: Wire,
  shape: Extract<Shape, { kind: "map" | "object" }>,
  { at, check }: Place,
): Flaw | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid(at, "is an object");
  const nameOf = (name: string) => (at === "" ? name : `${at}[${name}]`);
  if (shape.kind === "map")
    return firstFlaw(Object.entries(value), ([name, one]) =>
      checkShape(one, shape.value(), { at: nameOf(name), check }),
    );
  const unknown = Object.keys(value).find((name) => !shape.fields.has(name));
  if (unknown !== undefined)
    return {
      at: nameOf(unknown),
      code: "parameter_unknown",
      message: `Received unknown parameter: ${nameOf(unknown)}`,
    };
  for (const [name, field] of shape.fields) {
    const one = value[name];
    if (one !== undefined) {
      const flaw = checkShape(one, field.shape(), { at: nameOf(name), check });
      if (flaw) return flaw;
    } else if (check.isWhole && !field.isOptional) {
      return { at: nameOf(name), code: "parameter_missing", message: `Missing required param: ${nameOf(name)}.` };
    }
  }
  return undefined;
}

/** The flaw of the member that came furthest: what somebody who meant that member would want to read. */
function checkUnion(value: Wire, members: Shape[], { at, check }: Place): Flaw | undefined {
  const flaws: Flaw[] = [];
  for (const member of members) {
    const flaw = checkShape(value, member, { at, check });
    if (!flaw) return undefined;
    flaws.push(flaw);
  }
  return flaws.toSorted((a, b) => b.at.length - a.at.length)[0] ?? invalid(at, "can't be given");
}

function firstFlaw<Item>(
  items: readonly Item[],
  check: (item: Item, index: number) => Flaw | undefined,
): Flaw | undefined {
  for (const [index, item] of items.entries()) {
    const flaw = check(item, index);
    if (flaw) return flaw;
  }
  return undefined;
}

function invalid(at: string, message: string): Flaw {
  return { at, code: "parameter_invalid", message: `Invalid ${at === "" ? "request" : at}: it ${message}.` };
}
