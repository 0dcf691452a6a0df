import { expect, test } from "vitest";
import { lineBatches, type LineBatch } from "./line-batches.ts";

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

async function batchesOf(...texts: string[]): Promise<LineBatch[]> {
  const found: LineBatch[] = [];
  for await (const batch of lineBatches(pieces(...texts))) found.push(batch);
  return found;
}

test("lines stay whole wherever the text is cut, and keep their numbers", async () => {
  expect(await batchesOf("a\nb", "c\n", "", "\nd")).toEqual([{ text: "a\nbc\n\nd", firstLine: 1, lines: 4 }]);
  expect(await batchesOf("")).toEqual([]);
  const many = Array.from({ length: 2_500 }, (_, at) => `line ${at + 1}`).join("\n");
  const batches = await batchesOf(`${many}\n`);
  expect(batches.map(({ firstLine, lines }) => [firstLine, lines])).toEqual([
    [1, 1_000],
    [1_001, 1_000],
    [2_001, 500],
  ]);
  expect(batches.map(({ text }) => text).join("\n")).toBe(many);
});

test("a long line goes alone", async () => {
  const long = "x".repeat(5_000_000);
  const batches = await batchesOf(`a\n${long}\nb\n`);
  expect(batches.map(({ firstLine, lines, text }) => [firstLine, lines, text.length])).toEqual([
    [1, 1, 1],
    [2, 1, 5_000_000],
    [3, 1, 1],
  ]);
});
