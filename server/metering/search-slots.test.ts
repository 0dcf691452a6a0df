import { expect, test } from "vitest";
import { SearchSlots } from "./search-slots.ts";

/** Searches that end when they are told to, and the names of those that run. */
function searches(slots: SearchSlots) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (name: string) =>
    slots.run(name[0] ?? "", () => {
      running.push(name);
      return new Promise<void>((resolve) =>
        ends.set(name, () => {
          running.splice(running.indexOf(name), 1);
          resolve();
        }),
      );
    });
  const turns = () => new Promise<void>((resolve) => setImmediate(resolve));
  const end = async (name: string) => {
    ends.get(name)?.();
    await turns();
  };
  return { running, start, end, turns };
}

test("an organization searches twice at once, and those behind it are not held up by what it has waiting", async () => {
  const { running, start, end, turns } = searches(new SearchSlots());
  const all = ["a1", "a2", "a3", "a4", "b1", "c1", "d1"].map(start);
  await turns();
  expect(running).toEqual(["a1", "a2", "b1", "c1"]);
  await end("b1");
  expect(running).toEqual(["a1", "a2", "c1", "d1"]);
  await end("a1");
  expect(running).toEqual(["a2", "c1", "d1", "a3"]);
  for (const name of ["a2", "c1", "d1", "a3", "a4"]) await end(name);
  await Promise.all(all);
  expect(running).toEqual([]);
});

test("a search that fails gives its place back", async () => {
  const slots = new SearchSlots();
  for (let i = 0; i < 10; i += 1)
    await expect(slots.run("a", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await slots.run("a", () => Promise.resolve("found"))).toBe("found");
});

test("who finds no room for long is told to try again, and takes no place later", async () => {
  const { running, start, end, turns } = searches(new SearchSlots());
  const held = [start("a1"), start("a2")];
  await turns();
  await expect(start("a3")).rejects.toMatchObject({ code: "too_many" });
  await end("a1");
  await end("a2");
  await Promise.all(held);
  expect(running).toEqual([]);
});
