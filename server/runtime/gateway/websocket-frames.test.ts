import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameBoundary } from "./websocket-frames.ts";

/** A frame by RFC 6455, 5.2. */
function frame(payload: number, isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const length =
    payload < 126
      ? [payload | mask]
      : payload < 65_536
        ? [126 | mask, payload >> 8, payload & 255]
        : [127 | mask, 0, 0, 0, 0, (payload >> 24) & 255, (payload >> 16) & 255, (payload >> 8) & 255, payload & 255];
  return Buffer.concat([Buffer.from([0x82, ...length]), Buffer.alloc(isMasked ? 4 : 0), Buffer.alloc(payload, 7)]);
}

test("a frame of ours is put exactly where one of theirs ends, however the bytes are cut", async () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 70_000), fc.boolean()), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.nat(200_000), { maxLength: 6 }), fc.nat(), async (sizes, cuts, askAt) => {
      const parts = sizes.map(([payload, isMasked]) => frame(payload, isMasked));
      const bytes = Buffer.concat(parts);
      const ends = new Set(parts.map((_, at) => parts.slice(0, at + 1).reduce((sum, part) => sum + part.length, 0)));
      const boundary = new FrameBoundary();
      const points = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted(
        (a, b) => a - b,
      );
      const asked = askAt % points.length;
      let passed = 0;
      const called: number[] = [];
      for (const [at, point] of points.entries()) {
        boundary.pass(bytes.subarray(passed, point));
        passed = point;
        await Promise.resolve();
        if (at === asked) boundary.whenBetweenFrames(() => called.push(passed));
      }
      await Promise.resolve();
      expect(called).toHaveLength(1);
      expect(called[0] === 0 || ends.has(called[0] ?? -1)).toBe(true);
    }),
  );
});
