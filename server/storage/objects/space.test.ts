import { expect, test } from "vitest";
import { newId } from "#server/std/id.ts";
import { createUpload, putPart } from "./multipart.ts";
import { putObject } from "./put-object.ts";
import { bytes, plain, testStore } from "./test-store.ts";

const bounds = { free: 1_000, pro: 10_000 };
const text = (length: number) => "x".repeat(length);

test("an organization's buckets hold what its plan gives and not a byte more, whatever is still in parts", async () => {
  await using at = await testStore({ bounds });
  const bucket = await at.bucket();
  await at.put(bucket, "first", text(600));
  await expect(at.put(bucket, "second", text(401))).rejects.toMatchObject({ reason: "no_space" });
  await at.put(bucket, "second", text(400));
  await expect(at.put(bucket, "third", "x")).rejects.toMatchObject({ reason: "no_space" });
  const other = await at.bucket("others", newId("organization"));
  const { uploadId } = await createUpload(at.store, { ...other, key: "big", ...plain, checksum: null });
  await putPart(at.store, { ...other, key: "big", uploadId, number: 1 }, bytes(text(700)));
  await expect(at.put(other, "small", text(301))).rejects.toMatchObject({ reason: "no_space" });
  expect(await at.files()).toHaveLength(3);
});

test("what comes in at once shares the room", async () => {
  await using at = await testStore({ bounds });
  const bucket = await at.bucket();
  // Each sends a first piece and then waits until all have: by then more is under way than there is room for.
  let begun = 0;
  let open = () => {};
  const all = new Promise<void>((resolve) => (open = resolve));
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(200);
    begun += 1;
    if (begun === 4) open();
    await all;
    yield Buffer.alloc(200);
  }
  const puts = ["a", "b", "c", "d"].map((key) =>
    putObject(at.store, { ...bucket, key, ...plain }, { ...bytes(""), chunks: pieces(), promised: () => ({}) }),
  );
  const outcomes = await Promise.allSettled(puts);
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(2);
  const { storedBytes } = await at.database.db.bucket.findUniqueOrThrow({
    where: { id: bucket.bucketId },
    select: { storedBytes: true },
  });
  expect(storedBytes).toBeLessThanOrEqual(1_000n);
});
