import { text } from "node:stream/consumers";
import { connect } from "#server/db/client.ts";
import { asId } from "#server/std/id.ts";
import { deleteObjects } from "./delete-objects.ts";
import { listObjects } from "./list-objects.ts";
import { openObjectStore } from "./object-store.ts";
import { putObject } from "./put-object.ts";
import { openObject } from "./read-object.ts";
import { refusalReason } from "./refusal.ts";
import { bytes, filesIn, plain } from "./test-store.ts";

/** A child of object-store.test.ts, run on a file system of 6 MB: writes more than fits. */
const [dataDir = "", databaseUrl = "", organizationId = "", bucketId = ""] = process.argv.slice(2);
const db = connect(databaseUrl, { connectionsMax: 2 });
const store = await openObjectStore({ db, dataDir, reserveBytes: 0 });
const of = { organizationId: asId("organization", organizationId), bucketId: asId("bucket", bucketId) };
const put = (key: string, size: number, content: string) =>
  putObject(store, { ...of, key, ...plain }, bytes(content.repeat(size)));

await put("small", 1, "small");
const reason = await put("large", 8 * 1024 * 1024, "x").then(() => "stored", refusalReason);
const listed = await listObjects(store, of, { prefix: "", delimiter: "", after: "", max: 10 });
const content = await text((await openObject(store, { ...of, key: "small" })).content);
const files = (await filesIn(dataDir)).length;
await deleteObjects(store, of, ["small"]);
const after = await put("again", 4 * 1024 * 1024, "x").then(() => "stored", refusalReason);
console.log(JSON.stringify({ reason, seen: listed.objects.map(({ key }) => key), content, files, after }));
await db.$disconnect();
