import type { Wire } from "./shape.ts";

/** Decodes a v1 form or query: "items[0][price]=price_1&expand[]=lines" becomes nested lists and names, all values texts. */
export function decodeForm(text: string): { [name: string]: Wire } {
  const root: Node = { kind: "names", of: new Map() };
  for (const [name, value] of new URLSearchParams(text)) {
    const [head = "", ...rest] = name.replaceAll("]", "").split("[");
    put(root, [head, ...rest], value);
  }
  const decoded = toWire(root);
  return typeof decoded === "object" && decoded !== null && !Array.isArray(decoded) ? decoded : {};
}

type Node = { kind: "text"; value: string } | { kind: "names"; of: Map<string, Node> };

function put(into: Extract<Node, { kind: "names" }>, [head = "", ...rest]: string[], value: string): void {
  const key = head === "" ? String(into.of.size) : head;
  const next = rest.length === 0 ? undefined : into.of.get(key);
  if (rest.length === 0) {
    into.of.set(key, { kind: "text", value });
    return;
  }
  const child: Extract<Node, { kind: "names" }> = next?.kind === "names" ? next : { kind: "names", of: new Map() };
  into.of.set(key, child);
  put(child, rest, value);
}

/** Parts that are numbered from 0 without a gap are a list. */
function toWire(node: Node): Wire {
  if (node.kind === "text") return node.value;
  const entries = [...node.of];
  const isList = entries.length > 0 && entries.every(([name], index) => name === String(index));
  if (isList) return entries.map(([, child]) => toWire(child));
  return Object.fromEntries(entries.map(([name, child]) => [name, toWire(child)]));
}
