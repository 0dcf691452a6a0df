import { expect, test } from "vitest";
import { newId } from "#server/std/id.ts";
import { InstallQueue } from "./install-queue.ts";

const [acme, beta, gamma] = [newId("organization"), newId("organization"), newId("organization")];

/** Installs that end when they are told to, and what began in which order. */
function work() {
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    began,
    named: (name: string) => () => {
      began.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    },
    end: async (name: string): Promise<void> => {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const refusal = (promise: Promise<unknown>) => promise.then(String, (error: unknown) => error);

test("an organization has one turn at a time, and organizations take turns, however many one of them asks for", async () => {
  const queue = new InstallQueue({ runningMax: 2 });
  const { began, named, end } = work();
  const all = ["a1", "a2", "a3"].map((name) => queue.run(acme, named(name)));
  await end("nothing");
  expect(began).toEqual(["a1"]);
  all.push(queue.run(beta, named("b1")), queue.run(beta, named("b2")), queue.run(gamma, named("c1")));
  await end("nothing");
  expect(began).toEqual(["a1", "b1"]);
  await end("a1");
  expect(began).toEqual(["a1", "b1", "c1"]);
  await end("b1");
  expect(began).toEqual(["a1", "b1", "c1", "a2"]);
  for (const name of ["a2", "c1", "b2", "a3"]) await end(name);
  expect(began).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
  expect(await Promise.all(all)).toEqual(["a1", "a2", "a3", "b1", "b2", "c1"]);
});

test("past its bounds the queue says to try again, to the organization that fills it before anyone else", async () => {
  const queue = new InstallQueue({ runningMax: 1, waitingMax: 3, waitingPerOrganizationMax: 2 });
  const { began, named, end } = work();
  const all = ["a1", "a2", "a3"].map((name) => queue.run(acme, named(name)));
  expect(await refusal(queue.run(acme, named("a4")))).toMatchObject({ code: "too_many", message: /again/ });
  all.push(queue.run(beta, named("b1")));
  expect(await refusal(queue.run(gamma, named("c1")))).toMatchObject({ code: "unavailable", message: /again/ });
  for (const name of ["a1", "a2", "b1", "a3", "a2"]) await end(name);
  await end("a3");
  await Promise.all(all);
  expect(began.toSorted()).toEqual(["a1", "a2", "a3", "b1"]);
});

test("who waits too long is told, and leaves no place taken behind", async () => {
  const queue = new InstallQueue({ runningMax: 1, waitMsMax: 20 });
  const { began, named, end } = work();
  const first = queue.run(acme, named("a1"));
  expect(await refusal(queue.run(beta, named("b1")))).toMatchObject({ code: "unavailable" });
  await end("a1");
  await first;
  const later = queue.run(beta, named("b2"));
  await end("b2");
  expect([await later, began]).toEqual(["b2", ["a1", "b2"]]);
});

test("an install that fails gives its turn to the next", async () => {
  const queue = new InstallQueue({ runningMax: 1 });
  const failing = queue.run(acme, () => Promise.reject(new Error("no")));
  const next = queue.run(acme, () => Promise.resolve("yes"));
  expect(await refusal(failing)).toMatchObject({ message: "no" });
  expect(await next).toBe("yes");
});
