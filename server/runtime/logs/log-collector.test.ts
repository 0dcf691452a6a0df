import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { CONTROL_MARK, LINE_MARK } from "#server/runtime/sandbox/guest.ts";
import { collectOutput, type PrintedLine } from "./log-collector.ts";

const REQUEST = "req_00000000000000000001";

function collector(logBytesMax = 1_000_000) {
  const stream = new PassThrough();
  const lines: PrintedLine[] = [];
  const waits: [string, boolean][] = [];
  const events = {
    line: (line: PrintedLine) => void lines.push(line),
    waiting: (id: string, isWaiting: boolean) => void waits.push([id, isWaiting]),
  };
  const output = collectOutput([stream], events, { logBytesMax });
  const print = (message: string, fields: object = {}) =>
    stream.write(`${JSON.stringify({ timestamp: Date.now(), level: "log", message, ...fields })}\n`);
  return { stream, lines, waits, output, print };
}

const marked = (id: string, text: string) => `${LINE_MARK}${id}${LINE_MARK} ${text}`;
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

test("a line belongs to the request that it is marked with; a mark that is no request id belongs to nobody", async () => {
  const { lines, print } = collector();
  print(marked(REQUEST, "mine"));
  for (const id of ["req_\0", "x".repeat(60_000), "req_../../", "org_00000000000000000001", ""])
    print(marked(id, "forged"));
  await settled();
  expect(lines.map(({ requestId }) => requestId)).toEqual([REQUEST, null, null, null, null, null]);
});

test("a forged control word is heard only for what may be a request", async () => {
  const { waits, lines, print } = collector();
  for (const word of [
    `wait ${REQUEST}`,
    `done ${REQUEST}`,
    "wait",
    "wait \0",
    `wait ${"y".repeat(50_000)}`,
    `explode ${REQUEST}`,
  ])
    print(CONTROL_MARK + word);
  await settled();
  expect(waits).toEqual([
    [REQUEST, true],
    [REQUEST, false],
    [REQUEST, false],
  ]);
  expect(lines).toEqual([]);
});

test("a line made to slow a regular expression costs no time", async () => {
  const { lines, print, output } = collector();
  const began = performance.now();
  for (let i = 0; i < 5; i++) {
    print(marked(REQUEST, `sluice-entry.js${"\n".repeat(30_000)}`));
    print(marked(REQUEST, `sluice-entry.js${"\n at ".repeat(12_000)}`));
  }
  await settled();
  output.lastWords();
  expect(lines.length).toBe(10);
  expect(performance.now() - began).toBeLessThan(400);
});

test("a time that is none is replaced by now", async () => {
  const { lines, print } = collector();
  for (const timestamp of [8.64e15 + 1, -1, 0, 1e300]) print("x", { timestamp });
  await settled();
  expect(lines.every(({ atMs }) => Math.abs(atMs - Date.now()) < 1_000)).toBe(true);
});

test("lines beyond a bound are dropped, by request and by instance, and a line says so", async () => {
  const { lines, print } = collector();
  for (let i = 0; i < 400; i++) print(marked(REQUEST, "again"));
  await settled();
  expect([lines.length, lines.at(-1)?.message.includes("dropped")]).toEqual([257, true]);
  for (let i = 0; i < 4_000; i++) print(marked(`req_${String(i).padStart(20, "0")}`, "other"));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(lines.length).toBeLessThan(257 + 2_000 + 1_500);
  expect(lines.some(({ message }) => message.includes("lines a second"))).toBe(true);
});

test("text beyond the function's limit is dropped, by request, and a line of that request says what to do", async () => {
  const { lines, print } = collector(2_048);
  const other = "req_00000000000000000002";
  for (let i = 0; i < 20; i++) print(marked(REQUEST, "é".repeat(100)));
  print(marked(other, "short"));
  await settled();
  const mine = lines.filter(({ requestId }) => requestId === REQUEST);
  expect(mine.slice(0, -1).every(({ message }) => message === "é".repeat(100))).toBe(true);
  expect(mine).toHaveLength(11); // 10 of 200 bytes, and the one that says so
  expect(mine.at(-1)).toMatchObject({
    level: "warn",
    message:
      'More than 2 KB printed: the rest of this request\'s lines are dropped. Print less, or raise "Printed text of a request" in Settings.',
  });
  expect(lines.at(-1)).toMatchObject({ requestId: other, message: "short" });
});

test("a notice of the platform's belongs to no request, and is not repeated within seconds", async () => {
  const { lines, output } = collector();
  for (let i = 0; i < 100; i++) output.notice("Subrequest limit");
  expect(lines).toMatchObject([{ requestId: null, level: "warn", message: "Subrequest limit" }]);
});

test("who prints without end is read at a bounded rate and keeps nothing in memory; an endless line neither", async () => {
  const { stream, lines } = collector();
  const chunk = `${"x".repeat(100_000)}\n`;
  let written = 0;
  const flood = (): void => {
    while (written < 100_000_000 && stream.write(chunk)) written += chunk.length;
  };
  stream.on("drain", flood);
  flood();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(written).toBeLessThan(3_000_000);
  expect(lines.filter(({ message }) => message.includes("faster")).length).toBe(1);
  stream.destroy();
});
