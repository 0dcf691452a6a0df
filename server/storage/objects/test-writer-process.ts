import { connect } from "#server/db/client.ts";
import { asId } from "#server/std/id.ts";
import { completeUpload } from "./complete-upload.ts";
import { deleteObjects } from "./delete-objects.ts";
import { openObjectStore } from "./object-store.ts";
import { putPart } from "./multipart.ts";
import { putObject } from "./put-object.ts";

/** A child of crash.test.ts: does one thing with a store, and ends itself as kill -9 does at the step that it is told. */
const [
  dataDir = "",
  databaseUrl = "",
  organizationId = "",
  bucketId = "",
  what = "",
  step = "",
  uploadId = "",
  etag = "",
] = process.argv.slice(2);
const db = connect(databaseUrl, { connectionsMax: 2 });
const store = await openObjectStore({
  db,
  dataDir,
  reserveBytes: 0,
  onStep: (reached) => reached === step && process.kill(process.pid, "SIGKILL"),
});
const of = {
  organizationId: asId("organization", organizationId),
  bucketId: asId("bucket", bucketId),
  key: "victim",
  headers: {},
  userMetadata: {},
};
const body = {
  chunks: (async function* () {
    for (let chunk = 0; chunk < 8; chunk += 1) yield Buffer.alloc(64 * 1024, "new ");
  })(),
  algorithm: null,
  isSha256Signed: false,
  sizeBytesMax: 1024 ** 3,
  promised: () => ({}),
};
if (what === "put") await putObject(store, of, body);
if (what === "part") await putPart(store, { ...of, uploadId, number: 1 }, body);
if (what === "delete") await deleteObjects(store, of, ["victim"]);
if (what === "complete")
  await completeUpload(store, { ...of, uploadId, parts: [{ number: 1, etag, checksum: null }], checksum: null });
await db.$disconnect();
