import { connect } from "node:net";

/** One message that a caller got, read by the rules of RFC 9112 and nothing more lenient. */
export type RawAnswer = { status: number; headers: ReadonlyMap<string, string>; body: string };

/** What a caller gets on one connection for requests sent one after the other, each once the last is answered. */
export async function exchange(port: number, requests: readonly string[], timeMsMax = 4_000): Promise<RawAnswer[]> {
  const answers: RawAnswer[] = [];
  const socket = connect(port, "127.0.0.1");
  let bytes = "";
  let isClosed = false;
  let wake = (): void => undefined;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.toString("latin1");
    wake();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
    wake();
  });
  const timer = setTimeout(() => socket.destroy(), timeMsMax);
  for (const request of requests) {
    if (isClosed) break;
    socket.write(request, "latin1");
    for (;;) {
      const read = readAnswer(bytes, isClosed);
      if (read) {
        answers.push(read.answer);
        bytes = read.rest;
        break;
      }
      if (isClosed) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  clearTimeout(timer);
  socket.destroy();
  // What nobody asked for would be taken for the answer of whoever asks next.
  if (bytes !== "" && !isClosed) throw new Error(`the gateway sent more than was asked for: ${bytes.slice(0, 200)}`);
  return answers;
}

function readAnswer(bytes: string, isClosed: boolean): { answer: RawAnswer; rest: string } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const { status, headers } = readHead(bytes.slice(0, headEnd));
  const after = bytes.slice(headEnd + 4);
  if (status < 200 || status === 204 || status === 304) return { answer: { status, headers, body: "" }, rest: after };
  const length = headers.get("content-length");
  if (headers.get("transfer-encoding") === "chunked") {
    if (length !== undefined) throw new Error("a length beside chunks");
    const read = readChunks(after);
    return read && { answer: { status, headers, body: read.body }, rest: read.rest };
  }
  if (length === undefined) return isClosed ? { answer: { status, headers, body: after }, rest: "" } : undefined;
  if (!/^\d+$/.test(length)) throw new Error(`not a length: ${length}`);
  if (after.length < Number(length)) return undefined;
  return { answer: { status, headers, body: after.slice(0, Number(length)) }, rest: after.slice(Number(length)) };
}

function readHead(head: string): Omit<RawAnswer, "body"> {
  const [first = "", ...lines] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(first)?.[1]);
  if (!status) throw new Error(`not a status line: ${JSON.stringify(first)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = /^([!#$%&'*+.^_`|~\w-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
    if (name === "") throw new Error(`not a header: ${JSON.stringify(line)}`);
    const lower = name.toLowerCase();
    if (headers.has(lower) && (lower === "content-length" || lower === "transfer-encoding"))
      throw new Error(`twice: ${lower}`);
    headers.set(lower, value);
  }
  return { status, headers };
}

/** A body in chunks and what follows it; undefined while it isn't all there. */
export function readChunks(text: string): { body: string; rest: string } | undefined {
  let rest = text;
  let body = "";
  for (;;) {
    const [line, hex] = /^([0-9a-f]+)\r\n/i.exec(rest) ?? [];
    if (line === undefined || hex === undefined) {
      if (rest.includes("\r\n")) throw new Error(`not a chunk: ${JSON.stringify(rest.slice(0, 40))}`);
      return undefined;
    }
    const end = line.length + Number.parseInt(hex, 16);
    if (rest.length < end + 2) return undefined;
    if (rest.slice(end, end + 2) !== "\r\n") throw new Error("a chunk without an end");
    body += rest.slice(line.length, end);
    rest = rest.slice(end + 2);
    if (end === line.length) return { body, rest };
  }
}

/** Sends bytes as they are, and waits until two answers have begun or the gateway hangs up. */
export function rawExchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      if (answer.split("HTTP/1.1 ").length > 2 && !answer.startsWith("HTTP/1.1 100")) socket.destroy();
      if (answer.split("HTTP/1.1 ").length > 3) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
    socket.setTimeout(5_000, () => socket.destroy());
  });
}
