import { Agent } from "undici";
import { z } from "zod";
import type { RequestRecord } from "#server/contract/usage.ts";
import { isId, type Id } from "#server/std/id.ts";
import { isNetworkError } from "./runtime-client.ts";

const BODY_BYTES_MAX = 1024 * 1024;
const ANSWER_MS_MAX = 60_000;
const RECORD_MS_MAX = 3_000;
const RECORD_POLL_MS = 25;

/** What the Run panel sends. The path goes on the wire as it is, so it may hold nothing that ends a line. */
export const functionCall = z.object({
  method: z.string().regex(/^[A-Z]{1,20}$/, "Use a method such as GET or POST"),
  path: z
    .string()
    .max(8000)
    .regex(/^\/[\x21-\x7e]*$/, "A path begins with / and holds no spaces; write %20 for one"),
  headers: z
    .array(
      z.object({
        name: z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/),
        value: z.string().regex(/^[\t\x20-\x7e\x80-\xff]{0,8000}$/),
      }),
    )
    .max(100)
    .default([]),
  body: z
    .string()
    .refine((text) => Buffer.byteLength(text) <= BODY_BYTES_MAX, "Send at most 1 MB from here; use curl for more")
    .default(""),
});
export type FunctionCall = z.infer<typeof functionCall>;

export type FunctionAnswer =
  | {
      kind: "answered";
      requestId: Id<"request"> | null;
      status: number;
      headers: { name: string; value: string }[];
      body: { encoding: "text" | "base64"; content: string; truncated: boolean };
    }
  | { kind: "no_answer"; message: string };

const agent = new Agent({ connections: 50, headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX });

/** Calls a function through the gateway, as anyone would. */
export async function callFunction(
  to: { gatewayPort: number; host: string },
  call: FunctionCall,
): Promise<FunctionAnswer> {
  try {
    const answer = await agent.request({
      origin: `http://127.0.0.1:${to.gatewayPort}`,
      path: call.path,
      method: call.method,
      headers: [
        ...call.headers.filter(({ name }) => name.toLowerCase() !== "host"),
        { name: "host", value: to.host },
      ].flatMap(({ name, value }) => [name, value]),
      body: call.body === "" ? null : call.body,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      responseHeaders: "raw",
    });
    const headers = headerPairs(answer.headers);
    const requestId = headers.find(({ name }) => name.toLowerCase() === "x-request-id")?.value ?? "";
    return {
      kind: "answered",
      requestId: isId("request", requestId) ? requestId : null,
      status: answer.statusCode,
      headers,
      body: await readBody(answer.body),
    };
  } catch (thrown) {
    if (!isNetworkError(thrown)) throw thrown;
    const late = thrown instanceof Error && thrown.name === "TimeoutError";
    const message = late
      ? "No whole answer came within 60 seconds. Call long answers with curl."
      : "The gateway can't be reached or hung up. Try again in a moment.";
    return { kind: "no_answer", message };
  }
}

/** The ledger's row of a call. It is written within some 100 ms after the answer; null when it takes longer than 3 s. */
export async function awaitRecord(read: () => Promise<RequestRecord | null>): Promise<RequestRecord | null> {
  const until = Date.now() + RECORD_MS_MAX;
  for (;;) {
    const record = await read();
    if (record || Date.now() > until) return record;
    await new Promise((resolve) => setTimeout(resolve, RECORD_POLL_MS));
  }
}

/** Raw headers alternate names and values, and so keep their order and their repetitions. */
function headerPairs(headers: unknown): { name: string; value: string }[] {
  const raw = z.array(z.string()).parse(headers);
  const pairs = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push({ name: raw[at] ?? "", value: raw[at + 1] ?? "" });
  return pairs;
}

async function readBody(stream: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<{
  encoding: "text" | "base64";
  content: string;
  truncated: boolean;
}> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) break;
  }
  const truncated = bytes > BODY_BYTES_MAX;
  const content = Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX);
  const text = decodeText(content, truncated);
  return text === null
    ? { encoding: "base64", content: content.toString("base64"), truncated }
    : { encoding: "text", content: text, truncated };
}

/** Null for what is not UTF-8 text. A cut may fall inside a character, so then the end is forgiven. */
function decodeText(content: Buffer, truncated: boolean): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content, { stream: truncated });
    return text.includes("\0") ? null : text;
  } catch (thrown) {
    if (thrown instanceof TypeError) return null;
    throw thrown;
  }
}
