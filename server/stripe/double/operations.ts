import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  parseSync,
  type Class,
  type Expression,
  type Function as FunctionNode,
  type MethodDefinition,
} from "oxc-parser";
import { Declarations, sdkDir } from "./declarations.ts";
import type { Shape } from "./shape.ts";

/** One thing that the API does, as the SDK calls it. */
export type Operation = {
  method: "GET" | "POST" | "DELETE";
  /** "/v1/billing/meters/{}/event_summaries". */
  path: string;
  /** What may be sent; undefined where nothing is. */
  parameters: () => Shape | undefined;
  answer: () => Shape;
};

export type FoundOperation = { operation: Operation; ids: string[] };

/**
 * Every operation of the installed SDK: method and path out of its JavaScript, types out of the declarations beside it.
 * So the double checks requests against the very version that sends them.
 */
export class Operations {
  readonly all: Operation[];
  readonly #byShape = new Map<string, Operation[]>();

  constructor() {
    const declarations = new Declarations();
    this.all = globSync("resources/**/*.js", { cwd: sdkDir }).flatMap((path) => operationsIn(path, declarations));
    for (const operation of this.all) {
      const key = `${operation.method} ${operation.path.split("/").length}`;
      this.#byShape.set(key, [...(this.#byShape.get(key) ?? []), operation]);
    }
  }

  /** The operation of a request; one whose path is written out wins over one with an id in that place. */
  find(method: string, path: string): FoundOperation | undefined {
    const parts = path.split("/");
    let best: FoundOperation | undefined;
    for (const operation of this.#byShape.get(`${method} ${parts.length}`) ?? []) {
      const ids = idsOf(operation.path.split("/"), parts);
      if (ids && (!best || ids.length < best.ids.length)) best = { operation, ids };
    }
    return best;
  }
}

function idsOf(pattern: string[], parts: string[]): string[] | undefined {
  const ids: string[] = [];
  for (const [index, part] of parts.entries()) {
    if (pattern[index] === "{}" && part !== "") ids.push(decodeURIComponent(part));
    else if (pattern[index] !== part) return undefined;
  }
  return ids;
}

function operationsIn(path: string, declarations: Declarations): Operation[] {
  const file = join(sdkDir, path);
  const { program } = parseSync(file, readFileSync(file, "utf8"));
  const classes = program.body.flatMap((statement) =>
    statement.type === "ExportNamedDeclaration" && statement.declaration?.type === "ClassDeclaration"
      ? [statement.declaration]
      : [],
  );
  if (classes.length === 0) return [];
  const declared = declarations.classesOf(file.replace(/\.js$/, ".d.ts"));
  return classes.flatMap((one) =>
    methodsOf(one).flatMap((method) => {
      const sent = sentBy(method.value);
      if (!sent) return [];
      const signature = () => {
        const inTypes = declared.classes.get(one.id?.name ?? "");
        const found = inTypes && methodsOf(inTypes).find((candidate) => keyOf(candidate) === keyOf(method));
        if (!found) throw new Error(`${path} has ${keyOf(method)} without a declaration`);
        return found.value;
      };
      return [
        {
          ...sent,
          parameters: () => parametersOf(signature(), (type) => declarations.shapeOf(type, declared.scope)),
          answer: () => {
            const type = signature().returnType?.typeAnnotation;
            return type ? declarations.shapeOf(type, declared.scope) : { kind: "anything" as const };
          },
        },
      ];
    }),
  );
}

function methodsOf(of: Class): MethodDefinition[] {
  return of.body.body.filter(
    (member): member is MethodDefinition =>
      member.type === "MethodDefinition" || member.type === "TSAbstractMethodDefinition",
  );
}

function keyOf(method: MethodDefinition): string {
  return method.key.type === "Identifier" ? method.key.name : "";
}

type TypeOfParameter = NonNullable<NonNullable<FunctionNode["returnType"]>["typeAnnotation"]>;

function parametersOf(signature: FunctionNode, shapeOf: (type: TypeOfParameter) => Shape): Shape | undefined {
  for (const parameter of signature.params) {
    if (parameter.type === "Identifier" && parameter.name === "params" && parameter.typeAnnotation)
      return shapeOf(parameter.typeAnnotation.typeAnnotation);
  }
  return undefined;
}

/** `return this._makeRequest("GET", `/v1/things/${…}`, …)`: its method and its path. */
function sentBy(body: FunctionNode): Pick<Operation, "method" | "path"> | undefined {
  for (const statement of body.body?.body ?? []) {
    if (statement.type !== "ReturnStatement" || !statement.argument) continue;
    const call = requestCall(statement.argument);
    const [method, path] = call ?? [];
    if (method?.type !== "Literal" || !path) continue;
    if (method.value === "GET" || method.value === "POST" || method.value === "DELETE")
      return { method: method.value, path: pathOf(path) };
  }
  return undefined;
}

function requestCall(expression: Expression): Expression[] | undefined {
  if (expression.type !== "CallExpression") return undefined;
  const { callee } = expression;
  const isRequest =
    callee.type === "MemberExpression" &&
    callee.property.type === "Identifier" &&
    callee.property.name === "_makeRequest";
  return isRequest ? expression.arguments.filter((one): one is Expression => one.type !== "SpreadElement") : undefined;
}

function pathOf(node: Expression): string {
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node.type === "TemplateLiteral") return node.quasis.map(({ value }) => value.cooked ?? value.raw).join("{}");
  throw new Error(`a path written as ${node.type}`);
}
