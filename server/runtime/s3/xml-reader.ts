import { SaxesParser } from "saxes";
import { S3Error } from "./s3-error.ts";

export type XmlElement = { name: string; text: string; children: XmlElement[] };

const DEPTH_MAX = 6;

/**
 * Reads a small document. Names are without their prefix, as clients differ in namespaces. Throws `MalformedXML`: also for a document
 * type, whose entities nobody here needs, and for one that is nested deeper than anything of S3.
 */
export function readXml(text: string, rootName: string): XmlElement {
  const malformed = (): never => {
    throw new S3Error("MalformedXML");
  };
  const top: XmlElement = { name: "", text: "", children: [] };
  const open = [top];
  const parser = new SaxesParser({ position: false });
  parser.on("error", malformed);
  parser.on("doctype", malformed);
  parser.on("opentag", ({ name }) => {
    const element = { name: name.replace(/^.*:/, ""), text: "", children: [] };
    open.at(-1)?.children.push(element);
    if (open.push(element) > DEPTH_MAX) malformed();
  });
  parser.on("closetag", () => void open.pop());
  const addText = (more: string): void => {
    const element = open.at(-1);
    if (element) element.text += more;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.write(text).close();
  const root = top.children[0];
  return root?.name === rootName ? root : malformed();
}

export function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

export function textOf(element: XmlElement, name: string): string | undefined {
  return childrenOf(element, name)[0]?.text;
}
