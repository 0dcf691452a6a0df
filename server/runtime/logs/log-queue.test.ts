import fc from "fast-check";
import { expect, test } from "vitest";
import { LogQueue, type WaitingLine } from "./log-queue.ts";

function line(organization: number, message: string): WaitingLine {
  const of = { organizationId: `org_${organization}`, functionId: "fn_1", versionId: "ver_1" };
  return { ...of, requestId: null, atMs: 0, level: "log", message };
}

test("lines leave in turns, so that who printed one line waits for no flood", () => {
  const queue = new LogQueue(1_000_000);
  for (let i = 0; i < 500; i += 1) queue.add(line(1, `flood ${i}`));
  queue.add(line(2, "one"));
  queue.add(line(3, "one"));
  const organizations = queue.take({ linesMax: 5, bytesMax: Infinity }).map((entry) => entry.organizationId);
  expect(organizations).toEqual(["org_1", "org_2", "org_3", "org_1", "org_1"]);
});

test("a batch of long lines has few of them, and always one", () => {
  const queue = new LogQueue(1_000_000);
  for (let i = 0; i < 10; i += 1) queue.add(line(1, "x".repeat(1_000)));
  expect(queue.take({ linesMax: 500, bytesMax: 5_000 })).toHaveLength(3);
  expect(queue.take({ linesMax: 500, bytesMax: 1 })).toHaveLength(1);
});

test("an organization alone fills half of the room; as many as come find some", () => {
  const queue = new LogQueue(1_000_000);
  const accepted = [1, 2, 3, 4].map((organization) => {
    let lines = 0;
    while (queue.add(line(organization, "x".repeat(50)))) lines += 1;
    return lines;
  });
  expect(accepted[0]).toBe(1_000);
  expect(accepted.every((lines) => lines >= 1_000 / 2 ** 4)).toBe(true);
});

test("whatever is put in comes out once, each organization's lines in their order, and then all room is free again", () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant("take" as const)), { maxLength: 300 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 7 }), (sequence, batch) => {
      const queue = new LogQueue(20_000);
      const added: string[] = [];
      const taken: string[] = [];
      const take = () =>
        queue.take({ linesMax: batch, bytesMax: 3_000 }).map((entry) => `${entry.organizationId} ${entry.message}`);
      sequence.forEach((step, at) => {
        if (step === "take") taken.push(...take());
        else if (queue.add(line(step, String(at)))) added.push(`org_${step} ${at}`);
      });
      while (!queue.isEmpty) taken.push(...take());
      for (const organization of ["org_1", "org_2", "org_3", "org_4"]) {
        const own = (lines: string[]) => lines.filter((text) => text.startsWith(`${organization} `));
        expect(own(taken)).toEqual(own(added));
      }
      let fits = 0;
      while (queue.add(line(9, ""))) fits += 1;
      expect(fits).toBe(25);
    }),
  );
});
