/** An element: its name, and its text or what is in it. Null and undefined are left out as a whole. */
export type Xml = readonly [name: string, content: XmlContent];
export type XmlContent = string | number | boolean | null | undefined | readonly Xml[];

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

/** A document whose root has S3's namespace; errors have none. */
export function writeXml([name, content]: Xml, { hasNamespace }: { hasNamespace: boolean }): string {
  const attribute = hasNamespace ? ` xmlns="${NAMESPACE}"` : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${attribute}>${contentText(content)}</${name}>`;
}

function contentText(content: XmlContent): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "object") return content.map(elementText).join("");
  return escapeText(String(content));
}

function elementText([name, content]: Xml): string {
  return content === null || content === undefined ? "" : `<${name}>${contentText(content)}</${name}>`;
}

/** Control characters become references, as S3 writes them: a strict reader refuses those, and asks for encoding-type=url. */
function escapeText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[&<>"'\u0000-\u001f\u007f\ufffe\uffff]/g, (mark) => `&#x${mark.charCodeAt(0).toString(16)};`);
}
