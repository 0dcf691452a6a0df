import { expect, test } from "vitest";
import { HeldBytes } from "./held-bytes.ts";
import { Turns } from "./turns.ts";

const bounds = { atOnceMax: 2, atOncePerOwnerMax: 2, waitingPerOwnerMax: 10, waitMsMax: 5_000 };

/** Work that goes on until it is told to end. */
function work(done: string[], name: string): { run: () => Promise<void>; end(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { run: () => promise.then(() => void done.push(name)), end: resolve };
}

test("who comes later with little to do waits for one turn of those with much, not for all that they have waiting", async () => {
  const turns = new Turns(bounds);
  const done: string[] = [];
  const begun: string[] = [];
  const greedy = Array.from({ length: 6 }, (_, at) => work(done, `greedy ${at}`));
  const modest = work(done, "modest");
  const all = [
    ...greedy.map((one, at) => turns.run("greedy", () => (begun.push(`greedy ${at}`), one.run()))),
    turns.run("modest", () => (begun.push("modest"), modest.run())),
  ];
  for (const one of [...greedy, modest]) one.end();
  await Promise.all(all);
  expect(begun.indexOf("modest")).toBeLessThanOrEqual(3);
  expect(done).toHaveLength(7);
});

test("no more than the bounds say goes on at once, of one owner and of all; what waits too long is refused", async () => {
  const turns = new Turns({ ...bounds, atOncePerOwnerMax: 1, waitingPerOwnerMax: 1, waitMsMax: 20 });
  const ones = [work([], "a"), work([], "b")];
  const running = ones.map((one, at) => turns.run(`owner ${at}`, one.run));
  const waiting = turns.run("owner 0", async () => "its turn");
  await expect(turns.run("owner 0", async () => undefined)).rejects.toThrow("Too many operations on keys");
  await expect(waiting).rejects.toThrow("Too many operations on keys");
  for (const one of ones) one.end();
  await Promise.all(running);
  expect(await turns.run("owner 0", async () => "later")).toBe("later");
});

test("work that fails gives its turn back", async () => {
  const turns = new Turns({ ...bounds, atOnceMax: 1 });
  await expect(turns.run("a", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await turns.run("b", async () => 1)).toBe(1);
});

test("bytes are held by their owner up to its share, and given back when the exchange ends", () => {
  const held = new HeldBytes({ bytesMax: 100, perOwnerMax: 60 });
  const [one, two, other] = [held.open("a"), held.open("a"), held.open("b")];
  one.add(50);
  expect(() => two.add(20)).toThrow("Too many large values");
  two.release();
  expect(() => other.add(51)).toThrow("Too many large values");
  one.release();
  other.release();
  held.open("a").add(60);
});
