import { inflateSync } from "node:zlib";

/** A PDF's text as a reader finds it: glyphs led back to letters by the fonts' own tables, one line a piece. */
export function textOf(pdf: Buffer): string {
  const objects = objectsOf(pdf);
  const fonts = fontsOf(objects);
  return [...objects.values()].flatMap(({ stream }) => piecesOf(stream, fonts)).join("\n");
}

type Objects = Map<string, { head: string; stream: string }>;
type Letters = Map<string, string>;

function fontsOf(objects: Objects): Map<string, Letters> {
  const fonts = new Map<string, Letters>();
  const heads = [...objects.values()].map(({ head }) => head).join("\n");
  for (const [, name = "", id = ""] of heads.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
    const toUnicode = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id)?.head ?? "")?.[1] ?? "";
    fonts.set(name, lettersOf(objects.get(toUnicode)?.stream ?? ""));
  }
  return fonts;
}

function piecesOf(stream: string, fonts: Map<string, Letters>): string[] {
  const pieces: string[] = [];
  let letters: Letters = new Map();
  for (const [, font, glyphs] of stream.matchAll(/\/(F\d+) [\d.]+ Tf|\[(<[^\]]*)\] TJ/g)) {
    letters = fonts.get(font ?? "") ?? letters;
    const text = glyphsOf(glyphs ?? "").map((glyph) => letters.get(glyph) ?? "?");
    if (text.length > 0) pieces.push(text.join(""));
  }
  return pieces;
}

function objectsOf(pdf: Buffer): Objects {
  const raw = pdf.toString("latin1");
  const objects: Objects = new Map();
  for (const match of raw.matchAll(/(\d+) 0 obj\n([\s\S]*?)endobj/g)) {
    const [, id = "", body = ""] = match;
    const at = body.indexOf("stream\n");
    const head = at < 0 ? body : body.slice(0, at);
    const bytes = at < 0 ? Buffer.alloc(0) : Buffer.from(body.slice(at + 7, body.lastIndexOf("\nendstream")), "latin1");
    const stream =
      at >= 0 && head.includes("FlateDecode") ? inflateSync(bytes).toString("latin1") : bytes.toString("latin1");
    objects.set(id, { head, stream });
  }
  return objects;
}

function lettersOf(cmap: string): Letters {
  const letters: Letters = new Map();
  for (const [, first = "0", list = ""] of cmap.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/gi)) {
    for (const [index, [, code = ""]] of [...list.matchAll(/<([0-9a-f ]+)>/gi)].entries()) {
      const glyph = (Number.parseInt(first, 16) + index).toString(16).padStart(4, "0");
      letters.set(glyph, Buffer.from(code.replaceAll(" ", ""), "hex").swap16().toString("utf16le"));
    }
  }
  return letters;
}

function glyphsOf(pieces: string): string[] {
  return [...pieces.matchAll(/<([0-9a-f]+)>/gi)].flatMap(([, hex = ""]) => hex.match(/.{4}/g) ?? []);
}
