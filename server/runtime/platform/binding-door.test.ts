import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Binding } from "#server/contract/bindings.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { probeVersion } from "#server/runtime/sandbox/probe-host.ts";
import type { OutSocket } from "#server/runtime/sandbox/sandbox.ts";
import { systemClock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { getEntry, putEntry } from "#server/storage/kv/entries.ts";
import { createNamespace } from "#server/storage/kv/namespaces.ts";
import { sqlOf } from "#server/storage/kv/sql.ts";
import { BindingDoor } from "./binding-door.ts";
import { egressHost } from "./egress.ts";

/** What an instance's code could say on its socket had it broken out of workerd: anything. */
let database: TestDatabase;
let dir: string;
let door: BindingDoor;
let openFor: (bindings: BindingDoor) => (path: string) => Promise<OutSocket>;
let organizationId: Id<"organization">;
let namespaceId: Id<"kvNamespace">;
const totals = { sentBytes: 0, receivedBytes: 0, exchanges: 0, refused: 0 };
const log = createLog("test", "silent");

beforeAll(async () => {
  database = await testDatabase();
  dir = await mkdtemp(join(tmpdir(), "sluice-door-"));
  door = new BindingDoor({ databaseUrl: database.url, clock: systemClock, log });
  const rules = { allowed: new Set<string>(), ownAddresses: () => new Set<string>(), resolve: async () => [] };
  openFor = (bindings) => egressHost({ rules, bindings, uid: undefined, log, totals });
});
afterAll(async () => {
  await door.close();
  await database[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

beforeEach(async () => {
  organizationId = newId("organization");
  await database.db.organization.create({ data: { id: organizationId, slug: organizationId.slice(4), name: "Acme" } });
  namespaceId = await createNamespace(database.db, { organizationId, userId: newId("user"), name: "hers" });
  const write = { key: "secret", value: Buffer.from("hers"), metadata: null, expiresAtS: null };
  await putEntry(sqlOf(database.db), { organizationId, namespaceId }, write);
});

/** A socket as the instance of such a version has it. */
async function socketOf(
  of: { organizationId: string; bindings: Binding[] },
  by: BindingDoor = door,
): Promise<AsyncDisposable & { path: string }> {
  const path = join(dir, newId("instance"));
  const out = await openFor(by)(path);
  const spec: VersionSpec = { ...probeVersion(""), ...of };
  out.configure(spec, { calls: { begun: 1, shares: 1 }, notice: () => undefined, send: () => true });
  return { path, [Symbol.asyncDispose]: () => out.close() };
}

type Answer = { status: number | undefined; message: string | undefined; text: string };

async function say(
  socketPath: string,
  of: { binding?: string; path?: string; method?: string; headers?: Record<string, string>; body?: string },
): Promise<Answer> {
  const { binding = "KV", path = "/secret", method = "GET", headers = {}, body } = of;
  const req = request({ socketPath, path, method, headers: { "x-sluice-binding": binding, ...headers } });
  req.end(body);
  const [res] = await once(req, "response");
  let text = "";
  for await (const chunk of res) text += String(chunk);
  return { status: res.statusCode, message: res.statusMessage, text };
}

const bound = (): Binding[] => [{ kind: "kv", name: "KV", namespaceId }];

test("a header names a binding, and only one that this instance's version has leads anywhere", async () => {
  await using own = await socketOf({ organizationId, bindings: bound() });
  expect(await say(own.path, {})).toMatchObject({ status: 200, text: "hers" });
  await using none = await socketOf({ organizationId, bindings: [] });
  for (const socket of [own, none]) {
    for (const binding of ["OTHER", namespaceId, `kv:${namespaceId}`, "__proto__", "constructor", "length", "0", ""]) {
      const answer = await say(socket.path, { binding });
      expect(answer).toEqual({ status: 403, message: "This version has no such binding.", text: "" });
    }
  }
  expect((await say(none.path, {})).status).toBe(403);
});

test("another organization's instance gets nothing, changes nothing, though its version names the namespace", async () => {
  await using evil = await socketOf({ organizationId: newId("organization"), bindings: bound() });
  const tries = [
    {},
    { path: "/" },
    { path: "/bulk/get", method: "POST", body: '{"keys":["secret"]}' },
    { method: "PUT", body: "mine" },
    { method: "DELETE" },
    { headers: { "x-organization": organizationId, authorization: "Bearer hers" } },
  ];
  for (const one of tries) {
    expect(await say(evil.path, one)).toMatchObject({
      status: 403,
      message: expect.stringMatching(/^There is no such namespace/),
      text: "",
    });
  }
  const entry = await getEntry(sqlOf(database.db), { organizationId, namespaceId }, "secret");
  expect(Buffer.from(entry?.value ?? []).toString()).toBe("hers");
});

test("before it is known whose an instance is, nothing is answered", async () => {
  const path = join(dir, newId("instance"));
  const out = await openFor(door)(path);
  expect((await say(path, {})).status).toBe(429);
  await out.close();
});

test("a whole URL, an upgrade and a tunnel are never taken for what a binding asks", async () => {
  await using own = await socketOf({ organizationId, bindings: bound() });
  expect((await say(own.path, { path: "http://fake-host/secret?urlencoded=true" })).text).not.toContain("hers");
  const lines = [
    "GET /secret HTTP/1.1",
    "host: fake-host",
    "x-sluice-binding: KV",
    "connection: upgrade",
    "upgrade: websocket",
  ];
  expect(await raw(own.path, `${lines.join("\r\n")}\r\n\r\n`)).toMatch(/^HTTP\/1.1 4/);
  expect(await raw(own.path, "CONNECT fake-host:80 HTTP/1.1\r\nx-sluice-binding: KV\r\n\r\n")).toMatch(
    /^HTTP\/1.1 [45]/,
  );
});

test("what is no request of a binding is refused in words, and hurts nobody", async () => {
  await using own = await socketOf({ organizationId, bindings: bound() });
  const refusals: [Parameters<typeof say>[1], number, RegExp][] = [
    [{ path: "/%E0%A4%A" }, 400, /^Invalid key encoding$/],
    [{ path: "/" + "k".repeat(513) }, 414, /513 exceeds key length limit/],
    [{ path: "/k", method: "PATCH" }, 400, /^Method Not Allowed$/],
    [{ path: "/", method: "DELETE" }, 400, /^Method Not Allowed$/],
    [{ path: "/bulk/get", method: "POST", body: "no json" }, 400, /^Invalid JSON$/],
    [{ path: "/bulk/get", method: "POST", body: '{"keys":[]}' }, 400, /minimum of 1 key/],
    [
      { path: "/bulk/get", method: "POST", body: '{"keys":["a"],"type":"xml\\r\\nx: y"}' },
      400,
      /^"xml\?\?x: y" is not a valid type/,
    ],
    [{ path: "/bulk/get", method: "POST", body: `{"keys":["${"k".repeat(600_000)}"]}` }, 413, /too large/],
    [{ path: "/k", method: "PUT", headers: { "cf-kv-metadata": "no json" }, body: "v" }, 400, /^Invalid metadata$/],
    [{ path: "/?key_count_limit=x" }, 400, /^Invalid key_count_limit of NaN\. /],
  ];
  for (const [asked, status, message] of refusals) {
    expect(await say(own.path, asked)).toEqual({ status, message: expect.stringMatching(message), text: "" });
  }
  expect((await say(own.path, {})).text).toBe("hers");
});

test("a body that breaks off half-way writes nothing", async () => {
  await using own = await socketOf({ organizationId, bindings: bound() });
  const socket = connect(own.path);
  socket.write("PUT /secret HTTP/1.1\r\nhost: fake-host\r\nx-sluice-binding: KV\r\ncontent-length: 1000\r\n\r\nhalf");
  await once(socket, "connect");
  socket.destroy();
  await once(socket, "close");
  expect((await say(own.path, {})).text).toBe("hers");
});

test("while Postgres is away, or doesn't answer, functions are told so within a bound", async () => {
  const parts = { clock: systemClock, log, answerMsMax: 300 };
  const away = new BindingDoor({ ...parts, databaseUrl: "postgresql://nobody@127.0.0.1:1/none" });
  const slow = new BindingDoor({ ...parts, databaseUrl: database.url });
  const said = { status: 503, message: "Storage does not answer at the moment. Try again.", text: "" };
  await using cut = await socketOf({ organizationId, bindings: bound() }, away);
  expect(await say(cut.path, {})).toEqual(said);
  await using own = await socketOf({ organizationId, bindings: bound() }, slow);
  await database.db.$transaction(async (tx) => {
    await tx.$executeRaw`LOCK TABLE kv_entry IN ACCESS EXCLUSIVE MODE`;
    expect(await say(own.path, {})).toEqual(said);
  });
  expect((await say(own.path, {})).text).toBe("hers");
  await Promise.all([away.close(), slow.close()]);
});

test("what goes through it is no egress", async () => {
  await using own = await socketOf({ organizationId, bindings: bound() });
  const before = { ...totals };
  await say(own.path, { method: "PUT", path: "/big", body: "x".repeat(1_000_000) });
  expect((await say(own.path, { path: "/big" })).text).toHaveLength(1_000_000);
  expect(totals).toEqual(before);
});

async function raw(path: string, text: string): Promise<string> {
  const socket = connect(path);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString("latin1");
    socket.end();
  });
  socket.write(text);
  await once(socket, "close");
  return answer;
}
