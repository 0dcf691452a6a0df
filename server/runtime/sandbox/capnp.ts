/**
 * Writes Cap'n Proto messages of one segment (https://capnproto.org/encoding.html), as much of the format as a workerd
 * configuration needs: structs, lists of structs, lists of texts, and text. Written here because the one maintained
 * encoder for JavaScript refuses our TypeScript, and workerd's binary form starts 4 to 7 ms sooner than its text form.
 */
export type Value =
  | { kind: "struct"; layout: Layout; fields: Fields }
  | { kind: "structs"; layout: Layout; items: readonly Fields[] }
  | { kind: "texts"; items: readonly string[] }
  | { kind: "text"; text: string };

/** Sizes in words of 8 bytes: the data section, then the pointer section. */
export type Layout = { dataWords: number; pointers: number };

export type Fields = {
  /** Little-endian 16-bit values by their index in the data section: union tags and enums. */
  uint16?: Readonly<Record<number, number>>;
  pointers: Readonly<Record<number, Value | undefined>>;
};

const WORD_BYTES = 8;
const POINTER_STRUCT = 0;
const POINTER_LIST = 1;
const ELEMENT_BYTE = 2;
const ELEMENT_POINTER = 6;
const ELEMENT_COMPOSITE = 7;

export function encodeMessage(root: Value): Buffer {
  const segment = new Segment();
  const rootPointer = segment.allocate(1);
  segment.write(rootPointer, root);
  const header = Buffer.alloc(WORD_BYTES);
  header.writeUInt32LE(0, 0); // one segment
  header.writeUInt32LE(segment.words, 4);
  return Buffer.concat([header, segment.bytes()]);
}

class Segment {
  #buffer = Buffer.alloc(64 * 1024);
  words = 0;

  /** Claims zeroed words and returns the index of the first. */
  allocate(count: number): number {
    const at = this.words;
    this.words += count;
    if (this.words * WORD_BYTES > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#buffer.length * 2, this.words * WORD_BYTES));
      this.#buffer.copy(grown);
      this.#buffer = grown;
    }
    return at;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.words * WORD_BYTES);
  }

  write(pointerAt: number, value: Value): void {
    switch (value.kind) {
      case "struct": {
        const at = this.allocate(value.layout.dataWords + value.layout.pointers);
        this.#pointer(pointerAt, at, POINTER_STRUCT, value.layout.dataWords | (value.layout.pointers << 16));
        this.#fields(at, value.layout, value.fields);
        return;
      }
      case "structs": {
        const size = value.layout.dataWords + value.layout.pointers;
        const tagAt = this.allocate(1 + value.items.length * size);
        this.#pointer(pointerAt, tagAt, POINTER_LIST, ELEMENT_COMPOSITE | ((value.items.length * size) << 3));
        this.#buffer.writeUInt32LE(value.items.length << 2, tagAt * WORD_BYTES);
        this.#buffer.writeUInt32LE(value.layout.dataWords | (value.layout.pointers << 16), tagAt * WORD_BYTES + 4);
        for (const [index, item] of value.items.entries()) this.#fields(tagAt + 1 + index * size, value.layout, item);
        return;
      }
      case "texts": {
        const at = this.allocate(value.items.length);
        this.#pointer(pointerAt, at, POINTER_LIST, ELEMENT_POINTER | (value.items.length << 3));
        for (const [index, text] of value.items.entries()) this.#text(at + index, text);
        return;
      }
      case "text":
        this.#text(pointerAt, value.text);
    }
  }

  #fields(at: number, layout: Layout, fields: Fields): void {
    for (const [index, number] of Object.entries(fields.uint16 ?? {})) {
      this.#buffer.writeUInt16LE(number, at * WORD_BYTES + Number(index) * 2);
    }
    for (const [index, value] of Object.entries(fields.pointers)) {
      if (value) this.write(at + layout.dataWords + Number(index), value);
    }
  }

  #text(pointerAt: number, text: string): void {
    const byteLength = Buffer.byteLength(text);
    const at = this.allocate(Math.ceil((byteLength + 1) / WORD_BYTES)); // a text ends with a NUL
    this.#pointer(pointerAt, at, POINTER_LIST, ELEMENT_BYTE | ((byteLength + 1) << 3));
    this.#buffer.write(text, at * WORD_BYTES, "utf8");
  }

  #pointer(pointerAt: number, targetAt: number, kind: number, upper: number): void {
    this.#buffer.writeInt32LE(((targetAt - pointerAt - 1) << 2) | kind, pointerAt * WORD_BYTES);
    this.#buffer.writeUInt32LE(upper >>> 0, pointerAt * WORD_BYTES + 4);
  }
}
