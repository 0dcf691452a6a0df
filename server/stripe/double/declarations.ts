import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  parseSync,
  type Class,
  type Directive,
  type ExportNamedDeclaration,
  type ImportDeclaration,
  type Expression,
  type Statement,
  type TSInterfaceDeclaration,
  type TSModuleReference,
  type TSSignature,
  type TSType,
  type TSTypeName,
} from "oxc-parser";
import type { Field, Shape } from "./shape.ts";

/** Where the installed SDK keeps its modules. */
export const sdkDir = join(dirname(createRequire(import.meta.url).resolve("stripe")), "../esm");

/** A file or a namespace: what is declared in it, by name. An interface and a namespace may share one. */
type Scope = {
  path: string;
  parent: Scope | undefined;
  interfaces: Map<string, TSInterfaceDeclaration>;
  aliases: Map<string, TSType>;
  namespaces: Map<string, Scope>;
  classes: Map<string, Class>;
  /** Names that stand for something of another file, or of another name. */
  links: Map<string, { path: string; name: string | undefined } | { reference: string[] }>;
};

type Found = { scope: Scope; interface?: TSInterfaceDeclaration; alias?: TSType };

const keywords = new Map<TSType["type"], "string" | "number" | "boolean" | "null" | "anything">([
  ["TSStringKeyword", "string"],
  ["TSNumberKeyword", "number"],
  ["TSBooleanKeyword", "boolean"],
  ["TSNullKeyword", "null"],
  ["TSUnknownKeyword", "anything"],
  ["TSAnyKeyword", "anything"],
  ["TSVoidKeyword", "anything"],
  ["TSUndefinedKeyword", "anything"],
]);

/** Types that no operation of this double takes or answers. */
const unread = new Set([
  "Partial",
  "ApiSearchResultPromise",
  "V2ListPromise",
  "V2SearchResultPromise",
  "StripeStreamResponse",
  "Stripe.FileData",
  "FileData",
  "Date",
]);

/** Reads the SDK's .d.ts files, each once, and turns the types in them into shapes. */
export class Declarations {
  readonly #files = new Map<string, Scope>();

  /** The classes of a file with their methods, whose types `shapeOf` understands. */
  classesOf(path: string): { scope: Scope; classes: Map<string, Class> } {
    const scope = this.#file(path);
    return { scope, classes: scope.classes };
  }

  /** The shape of a type that is written in a scope. */
  shapeOf(type: TSType, scope: Scope): Shape {
    const keyword = keywords.get(type.type);
    if (keyword) return { kind: keyword };
    if (type.type === "TSParenthesizedType") return this.shapeOf(type.typeAnnotation, scope);
    if (type.type === "TSLiteralType") return literal(type.literal);
    if (type.type === "TSArrayType") return { kind: "array", item: once(() => this.shapeOf(type.elementType, scope)) };
    if (type.type === "TSUnionType")
      return closedUnion(
        type.types.map((member) => ({ isOpen: isOtherString(member), shape: this.shapeOf(member, scope) })),
      );
    if (type.type === "TSTypeLiteral") return this.#membersOf(type.members, scope);
    if (type.type === "TSTypeReference")
      return this.#reference(namesOf(type.typeName), type.typeArguments?.params ?? [], scope);
    throw new Error(`the SDK declares a ${type.type}, which this parser does not know (${scope.path})`);
  }

  #reference(names: string[], of: TSType[], scope: Scope): Shape {
    const [first] = of;
    switch (names.join(".")) {
      case "Array":
        return { kind: "array", item: once(() => this.shapeOf(need(first, names), scope)) };
      case "Emptyable":
        return { kind: "union", members: [{ kind: "null" }, this.shapeOf(need(first, names), scope)] };
      case "Decimal":
        return { kind: "decimal" };
      case "OtherString":
        return { kind: "string" };
      case "Response":
      case "Promise":
        return this.shapeOf(need(first, names), scope);
      case "ApiList":
      case "ApiListPromise":
        return listOf(once(() => this.shapeOf(need(first, names), scope)));
      default:
        return unread.has(names.join(".")) ? { kind: "anything" } : this.#declared(names, scope);
    }
  }

  #declared(names: string[], scope: Scope): Shape {
    const found = this.#find(names, scope);
    if (!found) throw new Error(`the SDK names ${names.join(".")} without declaring it (${scope.path})`);
    if (found.alias) return this.shapeOf(found.alias, found.scope);
    if (!found.interface) throw new Error(`${names.join(".")} is no type (${scope.path})`);
    const { body, extends: parents } = found.interface;
    const own = this.#membersOf(body.body, found.scope);
    if (own.kind !== "object") return own;
    const fields = new Map(own.fields);
    for (const parent of parents) {
      const inherited = this.#reference(namesOfExpression(parent.expression), [], found.scope);
      if (inherited.kind !== "object") continue;
      for (const [name, field] of inherited.fields) if (!fields.has(name)) fields.set(name, field);
    }
    return { kind: "object", fields };
  }

  #membersOf(members: readonly TSSignature[], scope: Scope): Shape {
    const fields = new Map<string, Field>();
    for (const member of members) {
      if (member.type === "TSIndexSignature")
        return { kind: "map", value: once(() => this.shapeOf(member.typeAnnotation.typeAnnotation, scope)) };
      if (member.type !== "TSPropertySignature") continue;
      const type = member.typeAnnotation?.typeAnnotation;
      if (!type) throw new Error(`a field without a type (${scope.path})`);
      const name =
        member.key.type === "Identifier" ? member.key.name : "value" in member.key ? String(member.key.value) : "";
      fields.set(name, { isOptional: member.optional, shape: once(() => this.shapeOf(type, scope)) });
    }
    return { kind: "object", fields };
  }

  /** Looks a dotted name up from the inside out, through imports and re-exports. */
  #find(names: string[], from: Scope): Found | undefined {
    const [head, ...rest] = names;
    if (head === undefined) return undefined;
    for (let scope: Scope | undefined = from; scope; scope = scope.parent) {
      const found = this.#within(head, rest, scope);
      if (found) return found;
    }
    return undefined;
  }

  #within(head: string, rest: string[], scope: Scope): Found | undefined {
    const [next, ...after] = rest;
    if (next !== undefined) {
      const inner = scope.namespaces.get(head);
      const found = inner && this.#within(next, after, inner);
      if (found) return found;
    } else {
      const declared = scope.interfaces.get(head);
      if (declared) return { scope, interface: declared };
      const alias = scope.aliases.get(head);
      if (alias) return { scope, alias };
    }
    const link = scope.links.get(head);
    if (!link) return undefined;
    if ("reference" in link) return this.#find([...link.reference, ...rest], scope.parent ?? scope);
    const file = this.#file(link.path);
    return this.#find(link.name === undefined ? rest : [link.name, ...rest], file);
  }

  #file(path: string): Scope {
    const known = this.#files.get(path);
    if (known) return known;
    const { program, errors } = parseSync(path, readFileSync(path, "utf8"));
    if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
    const scope = emptyScope(path, undefined);
    this.#files.set(path, scope);
    for (const statement of program.body) readStatement(statement, scope);
    return scope;
  }
}

function emptyScope(path: string, parent: Scope | undefined): Scope {
  return {
    path,
    parent,
    interfaces: new Map(),
    aliases: new Map(),
    namespaces: new Map(),
    classes: new Map(),
    links: new Map(),
  };
}

/** Values, and re-exports of whole files, hold no type that an operation names. */
function readStatement(statement: Statement | Directive, scope: Scope): void {
  if (statement.type === "ExportNamedDeclaration") readExport(statement, scope);
  else if (statement.type === "ImportDeclaration") readImport(statement, scope);
  else if (statement.type === "TSImportEqualsDeclaration")
    scope.links.set(statement.id.name, { reference: namesOf(statement.moduleReference) });
  else if (statement.type === "TSInterfaceDeclaration") scope.interfaces.set(statement.id.name, statement);
  else if (statement.type === "TSTypeAliasDeclaration") scope.aliases.set(statement.id.name, statement.typeAnnotation);
  else if (statement.type === "ClassDeclaration" && statement.id) scope.classes.set(statement.id.name, statement);
  else if (statement.type === "TSModuleDeclaration" && statement.id.type === "Identifier") {
    const inner = scope.namespaces.get(statement.id.name) ?? emptyScope(scope.path, scope);
    scope.namespaces.set(statement.id.name, inner);
    for (const one of statement.body?.body ?? []) readStatement(one, inner);
  }
}

function readExport(statement: ExportNamedDeclaration, scope: Scope): void {
  if (statement.declaration) readStatement(statement.declaration, scope);
  const from = statement.source?.value;
  for (const { local, exported } of statement.specifiers) {
    if (from !== undefined) scope.links.set(nameOf(exported), { path: resolve(scope.path, from), name: nameOf(local) });
    // A namespace hands on what its file imports; a file that exports its own by its own name says nothing new.
    else if (scope.parent) scope.links.set(nameOf(exported), { reference: [nameOf(local)] });
  }
}

function readImport(statement: ImportDeclaration, scope: Scope): void {
  for (const specifier of statement.specifiers ?? []) {
    const name = specifier.type === "ImportSpecifier" ? nameOf(specifier.imported) : undefined;
    scope.links.set(specifier.local.name, { path: resolve(scope.path, statement.source.value), name });
  }
}

function resolve(from: string, specifier: string): string {
  return join(dirname(from), specifier.replace(/\.js$/, ".d.ts"));
}

function nameOf(name: { type: string; name?: string; value?: string }): string {
  return name.name ?? name.value ?? "";
}

function namesOf(name: TSTypeName | TSModuleReference): string[] {
  if (name.type === "Identifier") return [name.name];
  if (name.type === "TSQualifiedName") return [...namesOf(name.left), name.right.name];
  throw new Error(`a name of kind ${name.type}`);
}

function namesOfExpression(expression: Expression): string[] {
  if (expression.type === "Identifier") return [expression.name];
  if (expression.type === "MemberExpression" && expression.property.type === "Identifier")
    return [...namesOfExpression(expression.object), expression.property.name];
  throw new Error(`a parent of kind ${expression.type}`);
}

function literal(node: { type: string; value?: unknown }): Shape {
  const { value } = node;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return { kind: "literal", value };
  throw new Error(`a literal of kind ${node.type}`);
}

function isOtherString(type: TSType): boolean {
  return type.type === "TSTypeReference" && namesOf(type.typeName).join(".") === "OtherString";
}

/** The SDK leaves enums open for values that it does not know yet. The double knows no others, and takes none. */
function closedUnion(members: { isOpen: boolean; shape: Shape }[]): Shape {
  const isEnum = members.some(({ shape }) => shape.kind === "literal");
  const kept = members.filter(({ isOpen }) => !(isOpen && isEnum)).map(({ shape }) => shape);
  const [only] = kept;
  return kept.length === 1 && only ? only : { kind: "union", members: kept };
}

function listOf(item: () => Shape): Shape {
  const field = (shape: Shape): Field => ({ isOptional: true, shape: () => shape });
  return {
    kind: "object",
    fields: new Map([
      ["object", field({ kind: "literal", value: "list" })],
      ["data", field({ kind: "array", item })],
      ["has_more", field({ kind: "boolean" })],
      ["url", field({ kind: "string" })],
    ]),
  };
}

function need(type: TSType | undefined, names: string[]): TSType {
  if (!type) throw new Error(`${names.join(".")} without its type`);
  return type;
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}
