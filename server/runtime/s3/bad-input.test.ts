import { createHash } from "node:crypto";
import { readdir, readlink } from "node:fs/promises";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MINUTE_MS } from "#server/std/clock.ts";
import { testDoor, type TestDoor, type TestOrganization } from "./test-door.ts";
import { sendRaw, sendSigned, signedHeaders, type RawRequest } from "./test-signer.ts";

let door: TestDoor;
let acme: TestOrganization;
const Bucket = "photos";

beforeAll(async () => {
  door = await testDoor();
  acme = await door.organization();
  await door.client(acme.key).send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => door[Symbol.asyncDispose]());

const send = (of: RawRequest) => sendSigned(door, acme.key, of);
const put = (path: string, more: Partial<RawRequest> = {}) => send({ method: "PUT", path, body: "body", ...more });
const stored = async () => {
  const { Contents } = await door.client(acme.key).send(new ListObjectsV2Command({ Bucket }));
  return (Contents ?? []).map(({ Key }) => Key);
};

test("a wrong secret, another's secret and a clock that is off are refused, each in S3's words", async () => {
  const other = await door.organization();
  const mixed = { accessKeyId: acme.key.accessKeyId, secretAccessKey: other.key.secretAccessKey };
  const list = { method: "GET", path: "/" };
  expect(await sendSigned(door, mixed, list)).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
  const unknown = { ...acme.key, accessKeyId: "SLUUNKNOWN" };
  expect(await sendSigned(door, unknown, list)).toMatchObject({ status: 403, code: "InvalidAccessKeyId" });
  for (const minutes of [-16, 16]) {
    const answer = await send({ ...list, atMs: Date.now() + minutes * MINUTE_MS });
    expect(answer).toMatchObject({ status: 403, code: "RequestTimeTooSkewed" });
  }
  expect(await send(list)).toMatchObject({ status: 200, code: null });
});

test.each([
  { name: "dots", path: "/photos/../../etc/passwd", key: "../../etc/passwd" },
  { name: "encoded dots and slashes", path: "/photos/%2e%2e%2Fescape", key: "../escape" },
  { name: "four bytes", path: "/photos/%F0%9F%98%80", key: "😀" },
  { name: "an encoded slash", path: "/photos/a%2Fb", key: "a/b" },
  { name: "an encoded percent", path: "/photos/a%252Fb", key: "a%2Fb" },
  { name: "many slashes", path: "/photos///", key: "//" },
])("a key with $name is a name and no path: it is kept as it is", async ({ path, key }) => {
  expect(await put(path)).toMatchObject({ status: 200 });
  expect(await stored()).toContain(key);
  const got = await door.client(acme.key).send(new GetObjectCommand({ Bucket, Key: key }));
  expect(await got.Body?.transformToString()).toBe("body");
  expect(await send({ method: "DELETE", path })).toMatchObject({ status: 204 });
  expect(await stored()).not.toContain(key);
});

test.each([
  { name: "NUL", path: "/photos/a%00b", code: "InvalidArgument" },
  { name: "half a character", path: "/photos/%F0%9F", code: "InvalidURI" },
  { name: "a broken escape", path: "/photos/%zz", code: "InvalidURI" },
  { name: "1,025 bytes", path: `/photos/${"x".repeat(1_025)}`, code: "KeyTooLongError" },
])("a key with $name is refused", async ({ path, code }) => {
  const answer = await send({ method: "PUT", path: "/photos/x", body: "body" });
  expect(answer.status).toBe(200);
  const headers = signedHeaders(acme.key, `127.0.0.1:${door.port}`, { method: "PUT", path: "/photos/x", body: "body" });
  const isReadable = code !== "InvalidURI";
  const refused = isReadable ? await put(path) : await sendRaw(door, { method: "PUT", path, body: "body" }, headers);
  expect(refused).toMatchObject({ status: 400, code });
  await send({ method: "DELETE", path: "/photos/x" });
});

test("a body that isn't what its digests say is refused, and nothing of it is there", async () => {
  const md5 = (content: string) => createHash("md5").update(content).digest("base64");
  const having = (headers: Record<string, string>, more: Partial<RawRequest> = {}) =>
    put("/photos/wrong", { headers, ...more });
  expect(await having({ "content-md5": md5("other") })).toMatchObject({ status: 400, code: "BadDigest" });
  expect(await having({ "content-md5": "short" })).toMatchObject({ status: 400, code: "InvalidDigest" });
  expect(await having({ "x-amz-checksum-crc32": "AAAAAA==" })).toMatchObject({ status: 400, code: "BadDigest" });
  expect(await having({ "x-amz-checksum-crc32": "?" })).toMatchObject({ status: 400, code: "InvalidRequest" });
  expect(await having({ "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "x" })).toMatchObject({
    code: "InvalidRequest",
  });
  const sha256 = createHash("sha256").update("other").digest("hex");
  expect(await having({}, { payload: sha256 })).toMatchObject({ status: 400, code: "XAmzContentSHA256Mismatch" });
  expect(await having({}, { payload: "nonsense" })).toMatchObject({ status: 400, code: "InvalidRequest" });
  expect(await stored()).toEqual([]);
  expect(await door.at.files()).toEqual([]);
  expect(await having({ "content-md5": md5("body") })).toMatchObject({ status: 200 });
  await send({ method: "DELETE", path: "/photos/wrong" });
});

function trailed(content: string, trailer: string): string {
  return `${content.length.toString(16)}\r\n${content}\r\n0\r\n${trailer}\r\n`;
}

test("a body in chunks has to be as long as it said, with the checksum that its trailer says", async () => {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32("hello"));
  const chunked = (body: string, more: Record<string, string> = {}) =>
    put("/photos/chunked", {
      body,
      payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      headers: { "x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32", ...more },
    });
  const good = `x-amz-checksum-crc32:${crc.toString("base64")}\r\n`;
  expect(await chunked(trailed("hello", good))).toMatchObject({ status: 200 });
  expect(await chunked(trailed("hello", "x-amz-checksum-crc32:AAAAAA==\r\n"))).toMatchObject({ code: "BadDigest" });
  expect(await chunked(trailed("hello", ""))).toMatchObject({ code: "IncompleteBody" });
  expect(await chunked(trailed("hell", good))).toMatchObject({ code: "IncompleteBody" });
  expect(await chunked(trailed("hello!", good))).toMatchObject({ code: "IncompleteBody" });
  expect(await chunked("5\r\nhello")).toMatchObject({ code: "IncompleteBody" });
  expect(await chunked(trailed("hello", good), { "x-amz-decoded-content-length": "x" })).toMatchObject({
    code: "InvalidArgument",
  });
  expect(await stored()).toEqual(["chunked"]);
  await send({ method: "DELETE", path: "/photos/chunked" });
  expect(await door.at.files()).toEqual([]);
});

test("a body that says that it is larger than S3 allows is refused before it is read", async () => {
  const path = "/photos/huge";
  const headers = { "content-length": String(5 * 1024 ** 3 + 1), expect: "100-continue" };
  const answer = await raw(head(path, headers));
  expect(answer).toContain("400 Bad Request");
  expect(answer).toContain("<Code>EntityTooLarge</Code>");
  expect(answer).not.toContain("100 Continue");
});

test("whoever asks first hears whether to go on, and is refused before a byte of the body is sent", async () => {
  const path = "/photos/asked";
  const signed = head(path, { "content-length": "4", expect: "100-continue" });
  const socket = connect(door.port, "127.0.0.1");
  const all = text(socket);
  socket.write(signed);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.write("body");
  expect(await all).toMatch(/^HTTP\/1.1 100 Continue[^]*HTTP\/1.1 200 OK/);
  const refused = await raw(signed.replace(/Signature=./, "Signature=!"));
  expect(refused).toMatch(/^HTTP\/1.1 403 Forbidden/);
  await send({ method: "DELETE", path });
});

function head(path: string, more: Record<string, string>): string {
  const host = `127.0.0.1:${door.port}`;
  const headers = { ...signedHeaders(acme.key, host, { method: "PUT", path, payload: "UNSIGNED-PAYLOAD" }), ...more };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `PUT ${path} HTTP/1.1\r\nconnection: close\r\n${lines.join("")}\r\n`;
}

async function raw(bytes: string): Promise<string> {
  const socket = connect(door.port, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

test("a client that stops half-way leaves nothing, neither in the list nor on the disk", async () => {
  const socket = connect(door.port, "127.0.0.1");
  socket.write(`${head("/photos/half", { "content-length": "1000000" })}${"x".repeat(300_000)}`);
  await expect.poll(() => door.at.files(), { timeout: 10_000 }).toHaveLength(1);
  socket.destroy();
  await expect.poll(() => door.at.files(), { timeout: 10_000 }).toEqual([]);
  expect(await stored()).toEqual([]);
});

test("a reader that stops half-way leaves no file open", async () => {
  const client = door.client(acme.key);
  await client.send(new PutObjectCommand({ Bucket, Key: "large", Body: Buffer.alloc(30_000_000) }));
  const got = await client.send(new GetObjectCommand({ Bucket, Key: "large" }));
  const { Body } = got;
  if (!Body || !("destroy" in Body)) throw new Error("a stream is wanted");
  Body.destroy();
  const openBlobs = async () => {
    const links = await Promise.all(
      (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    return links.filter((link) => link.includes(door.at.dataDir));
  };
  await expect.poll(openBlobs, { timeout: 10_000 }).toEqual([]);
  await send({ method: "DELETE", path: "/photos/large" });
});

test("XML that is none, not what is wanted, has a document type, or is too deep is refused", async () => {
  const path = "/photos?delete=";
  const remove = (body: string) => send({ method: "POST", path, body });
  const entity = '<!DOCTYPE d [<!ENTITY a "x">]><Delete><Object><Key>&a;</Key></Object></Delete>';
  for (const body of [
    "",
    "no xml",
    "<Delete>",
    "<Other/>",
    "<Delete/>",
    entity,
    `<Delete>${"<a>".repeat(10)}${"</a>".repeat(10)}</Delete>`,
  ])
    expect(await remove(body)).toMatchObject({ status: 400, code: "MalformedXML" });
  const many = `<Delete>${"<Object><Key>a</Key></Object>".repeat(1_001)}</Delete>`;
  expect(await remove(many)).toMatchObject({ status: 400, code: "MalformedXML" });
  const prefixed =
    '<s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:Object><s:Key>a</s:Key></s:Object></s:Delete>';
  expect((await remove(prefixed)).body).toContain("<Deleted><Key>a</Key></Deleted>");
});

test("a deletion with a condition that nobody would look at deletes nothing", async () => {
  await put("/photos/kept");
  const body =
    '<Delete><Object><Key>kept</Key><ETag>"other"</ETag></Object><Object><Key>kept</Key><VersionId>v1</VersionId></Object></Delete>';
  const answer = await send({ method: "POST", path: "/photos?delete", body });
  expect(answer.body).toMatch(/<Code>NotImplemented<\/Code>[^]*<Code>NoSuchVersion<\/Code>/);
  expect(await send({ method: "DELETE", path: "/photos/kept", headers: { "if-match": '"other"' } })).toMatchObject({
    status: 501,
  });
  expect(await stored()).toEqual(["kept"]);
  await send({ method: "DELETE", path: "/photos/kept" });
});

test.each([
  ["GET", "/photos?acl"],
  ["PUT", "/photos?cors"],
  ["GET", "/photos?versions"],
  ["GET", "/photos/a?tagging"],
  ["PUT", "/photos/a?acl"],
  ["POST", "/photos/a?select&select-type=2"],
  ["GET", "/photos/a?attributes"],
])("%s %s is answered with NotImplemented, in S3's XML with a request's id", async (method, path) => {
  const answer = await send({ method, path });
  expect(answer).toMatchObject({ status: 501, code: "NotImplemented" });
  expect(answer.body).toMatch(/^<\?xml[^]*<Error><Code>[^]*<RequestId>req_\w+<\/RequestId><\/Error>$/);
});

test.each([
  ["PATCH", "/photos"],
  ["POST", "/photos/a"],
  ["PUT", "/"],
])("%s %s is answered with MethodNotAllowed", async (method, path) => {
  expect(await send({ method, path })).toMatchObject({ status: 405, code: "MethodNotAllowed" });
});

test("a full disk is told as such, and nothing is half there", async () => {
  await using full = await testDoor({ reserveBytes: Number.MAX_SAFE_INTEGER });
  const { key } = await full.organization();
  const client = full.client(key);
  await client.send(new CreateBucketCommand({ Bucket }));
  const answer = await sendSigned(full, key, { method: "PUT", path: "/photos/a", body: "x" });
  expect(answer).toMatchObject({ status: 507, code: "InsufficientStorage" });
  expect(await full.at.files()).toEqual([]);
});
