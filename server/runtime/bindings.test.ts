import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Binding } from "#server/contract/bindings.ts";
import { newId, type Id } from "#server/std/id.ts";
import { createNamespace, deleteNamespace, namespaceById } from "#server/storage/kv/namespaces.ts";
import { callFunction, testRuntime, type DeployedFunction, type TestRuntime } from "./test-runtime.ts";

/** Does one thing with a namespace, and says what came of it, the bytes of streams and buffers as numbers. */
const worker = `
async function shown(value) {
  if (value instanceof ReadableStream) return { stream: [...new Uint8Array(await new Response(value).arrayBuffer())] };
  if (value instanceof ArrayBuffer) return { buffer: [...new Uint8Array(value)] };
  if (value instanceof Map) return { map: Object.fromEntries(value) };
  if (value && typeof value === "object" && value.value instanceof ArrayBuffer) return { ...value, value: await shown(value.value) };
  return value === undefined ? "undefined" : value;
}
const made = {
  bytes: (n) => new Uint8Array(n).fill(7),
  all: () => Uint8Array.from({ length: 256 }, (_, at) => at),
  stream: (text) => new Response(text).body,
};
export default {
  async fetch(request, env) {
    const { binding, op, args = [], make, loop = 1 } = await request.json();
    try {
      if (op === "names") return Response.json({ ok: Object.keys(env) });
      if (op === "forge") return Response.json({ ok: await (await fetch(...args)).text() });
      if (make) args[make.at] = made[make.kind](make.of);
      let last;
      for (let at = 0; at < loop; at += 1) last = await env[binding][op](...args);
      return Response.json({ ok: await shown(last) });
    } catch (error) {
      return Response.json({ error: error.message, name: error.name });
    }
  },
};`;

let runtime: TestRuntime;
let organizationId: Id<"organization">;
let namespaceId: Id<"kvNamespace">;
let visits: DeployedFunction;
const userId = newId("user");
const heard: IncomingMessage[] = [];
const outside = createServer((req, res) => (heard.push(req), res.end("outside")));

const kv = (name: string, namespaceId: string): Binding => ({ kind: "kv", name, namespaceId });
const namespace = (name: string, of = organizationId) =>
  createNamespace(runtime.database.db, { organizationId: of, userId, name });

beforeAll(async () => {
  outside.listen(0, "127.0.0.1");
  await once(outside, "listening");
  const { port } = outside.address() as AddressInfo;
  runtime = await testRuntime({ EGRESS_ALLOW: `127.0.0.1:${port}` });
  organizationId = await runtime.organization("acme");
});
afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  outside.close();
});

beforeAll(async () => {
  namespaceId = await namespace("visits");
  visits = await runtime.deployBound("visits", worker, {
    bindings: [kv("KV", namespaceId)],
    limits: { subRequestsMax: 1_000 },
  });
});

type Ask = {
  binding?: string;
  op: string;
  args?: unknown[];
  make?: { at: number; kind: string; of?: unknown };
  loop?: number;
};

async function ask(of: DeployedFunction, { binding = "KV", ...rest }: Ask): Promise<Record<string, unknown>> {
  const answer = await callFunction(runtime, of.host, { method: "POST", body: JSON.stringify({ binding, ...rest }) });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return JSON.parse(answer.text);
}
const doing = (op: string, ...args: unknown[]) => ask(visits, { op, args });

describe("a value in env.KV", () => {
  test("is read as text, JSON, buffer and stream, and null when there is none", async () => {
    expect(await doing("put", "json", '{"n":[1,"ü"]}')).toEqual({ ok: "undefined" });
    expect(await doing("get", "json")).toEqual({ ok: '{"n":[1,"ü"]}' });
    expect(await doing("get", "json", "json")).toEqual({ ok: { n: [1, "ü"] } });
    expect(await doing("get", "json", { type: "json", cacheTtl: 60 })).toEqual({ ok: { n: [1, "ü"] } });
    await ask(visits, { op: "put", args: ["all", null], make: { at: 1, kind: "all" } });
    const all = Array.from({ length: 256 }, (_, at) => at);
    expect(await doing("get", "all", "arrayBuffer")).toEqual({ ok: { buffer: all } });
    expect(await doing("get", "all", "stream")).toEqual({ ok: { stream: all } });
    await ask(visits, { op: "put", args: ["streamed", null], make: { at: 1, kind: "stream", of: "from a stream" } });
    expect(await doing("get", "streamed")).toEqual({ ok: "from a stream" });
    await doing("put", "empty", "");
    expect(await doing("get", "empty")).toEqual({ ok: "" });
    expect(await doing("get", "nothing")).toEqual({ ok: null });
    expect(await doing("getWithMetadata", "nothing")).toEqual({
      ok: { value: null, metadata: null, cacheStatus: null },
    });
  });

  test("is there for the next call as soon as put has returned, and gone as soon as delete has", async () => {
    for (let n = 0; n < 20; n += 1) {
      await doing("put", "count", String(n));
      expect(await doing("get", "count")).toEqual({ ok: String(n) });
    }
    await doing("delete", "count");
    expect(await doing("get", "count")).toEqual({ ok: null });
    expect(await doing("delete", "count")).toEqual({ ok: "undefined" });
  });

  test("has metadata beyond ASCII, and an expiry that the listing shows", async () => {
    const metadata = { grüße: "\u{1F600} über", del: "\u007F", line: "a\nb" };
    const put = await doing("put", "meta", "v", { metadata: { ...metadata, del: "" }, expirationTtl: 120 });
    expect(put).toEqual({ ok: "undefined" });
    expect(await doing("getWithMetadata", "meta")).toEqual({
      ok: { value: "v", metadata: { ...metadata, del: "" }, cacheStatus: null },
    });
    const { ok } = await doing("list", { prefix: "meta" });
    const in2Minutes = Math.floor(Date.now() / 1000) + 120;
    expect(ok).toEqual({
      keys: [{ name: "meta", expiration: expect.any(Number), metadata: { ...metadata, del: "" } }],
      list_complete: true,
      cacheStatus: null,
    });
    const [{ expiration }] = (ok as { keys: [{ expiration: number }] }).keys;
    expect(Math.abs(expiration - in2Minutes)).toBeLessThan(30);
    await runtime.database.db.kvEntry.updateMany({
      where: { namespaceId, key: Buffer.from("meta") },
      data: { metadata: JSON.stringify(metadata) },
    });
    expect(await doing("getWithMetadata", "meta")).toEqual({ ok: { value: "v", metadata, cacheStatus: null } });
    await runtime.database.db.kvEntry.updateMany({
      where: { namespaceId, key: Buffer.from("meta") },
      data: { expiresAt: new Date(Date.now() - 2_000) },
    });
    expect(await doing("get", "meta")).toEqual({ ok: null });
    expect(await doing("list", { prefix: "meta" })).toEqual({
      ok: { keys: [], list_complete: true, cacheStatus: null },
    });
  });

  test("of many keys is read at once, as text or JSON, with metadata or without", async () => {
    await doing("put", "m1", '{"a":1}', { metadata: { of: "m1" } });
    await doing("put", "m2", "[2]");
    await doing("put", "m3", "no json");
    await doing("put", "__proto__", '"own"');
    expect(await doing("get", ["m1", "m3", "m4"])).toEqual({ ok: { map: { m1: '{"a":1}', m3: "no json", m4: null } } });
    expect(await doing("get", ["m1", "m2"], "json")).toEqual({ ok: { map: { m1: { a: 1 }, m2: [2] } } });
    expect(await doing("getWithMetadata", ["m1", "m2", "m4"])).toEqual({
      ok: { map: { m1: { value: '{"a":1}', metadata: { of: "m1" } }, m2: { value: "[2]", metadata: null }, m4: null } },
    });
    expect(await doing("get", ["m1", "m3"], "json")).toMatchObject({
      error: expect.stringContaining("At least one of the requested keys corresponds to a non-json value"),
    });
    const many = Array.from({ length: 101 }, (_, at) => `k${at}`);
    expect(await doing("get", many)).toMatchObject({
      error: expect.stringContaining("You can request a maximum of 100 keys"),
    });
  });

  test.each([
    "../up",
    "a/../../b",
    "nul\0in it",
    "%2F",
    "a?b#c&d=e",
    "ü\u{1F600}",
    "bulk/get",
    "sp ace+plus",
    "__proto__",
    "k".repeat(512),
  ])("under the key %j is that key's alone", async (key) => {
    await doing("put", key, `value of ${key}`);
    expect(await doing("get", key)).toEqual({ ok: `value of ${key}` });
    expect(await doing("list", { prefix: key })).toMatchObject({ ok: { keys: [{ name: key }] } });
    const row = await runtime.database.db.kvEntry.findUnique({
      where: { namespaceId_key: { namespaceId, key: Buffer.from(key) } },
      select: { value: true },
    });
    expect(Buffer.from(row?.value ?? []).toString()).toBe(`value of ${key}`);
    await doing("delete", key);
    expect(await doing("get", key)).toEqual({ ok: null });
  });

  test("is listed in the order of bytes, by prefix, page by page", async () => {
    for (const key of ["page/\u{1F600}", "page/\uFFFD", "page/b", "page/a"]) await doing("put", key, "");
    const first = await doing("list", { prefix: "page/", limit: 2 });
    expect(first).toMatchObject({ ok: { keys: [{ name: "page/a" }, { name: "page/b" }], list_complete: false } });
    const { cursor } = first["ok"] as { cursor: string };
    expect(await doing("list", { prefix: "page/", limit: 2, cursor })).toEqual({
      ok: { keys: [{ name: "page/\uFFFD" }, { name: "page/\u{1F600}" }], list_complete: true, cacheStatus: null },
    });
  });
});

describe("what Workers KV refuses is refused in its words:", () => {
  const refusals: [string, Ask, string][] = [
    [
      "a value that is too large",
      { op: "put", args: ["k", null], make: { at: 1, kind: "bytes", of: 26_214_401 } },
      "KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.",
    ],
    [
      "metadata that is too large",
      { op: "put", args: ["k", "v", { metadata: "x".repeat(1_023) }] },
      "KV PUT failed: 413 Metadata length of 1025 exceeds limit of 1024.",
    ],
    [
      "a key that is too long",
      { op: "put", args: ["ü".repeat(257), "v"] },
      "KV PUT failed: 414 UTF-8 encoded length of 514 exceeds key length limit of 512.",
    ],
    [
      "a prefix that is too long",
      { op: "list", args: [{ prefix: "k".repeat(513) }] },
      "KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
    ],
    [
      "a short time to live",
      { op: "put", args: ["k", "v", { expirationTtl: 30 }] },
      "KV PUT failed: 400 Invalid expiration_ttl of 30. Expiration TTL must be at least 60.",
    ],
    [
      "an expiry in the past",
      { op: "put", args: ["k", "v", { expiration: 5 }] },
      "KV PUT failed: 400 Invalid expiration of 5. Please specify integer greater than the current number of seconds since the UNIX epoch.",
    ],
    [
      "a short cache",
      { op: "get", args: ["k", { cacheTtl: 10 }] },
      "KV GET failed: 400 Invalid cache_ttl of 10. Cache TTL must be at least 30.",
    ],
    [
      "a page that is too long",
      { op: "list", args: [{ limit: 1_001 }] },
      "KV GET failed: 400 Invalid key_count_limit of 1001. Please specify an integer less than 1000.",
    ],
    ["a cursor that is none", { op: "list", args: [{ cursor: "?" }] }, "KV GET failed: 400 Invalid cursor."],
  ];
  test.each(refusals)("%s", async (_, asked, message) => {
    expect(await ask(visits, asked)).toMatchObject({ error: message });
    expect(await doing("get", "k")).toEqual({ ok: null });
  });

  test("and a value of the very limit is kept", async () => {
    await ask(visits, { op: "put", args: ["largest", null], make: { at: 1, kind: "bytes", of: 26_214_400 } });
    const { bytes } = await namespaceById(runtime.database.db, { organizationId, namespaceId });
    expect(bytes).toBeGreaterThan(26_214_400);
    await doing("delete", "largest");
  });
});

describe("a namespace is reached", () => {
  test("by the versions that are bound to it, each under its own name, and env has no other", async () => {
    const second = await namespace("second");
    const both = await runtime.deployBound("both", worker, { bindings: [kv("ONE", namespaceId), kv("TWO", second)] });
    expect(await ask(both, { op: "names" })).toEqual({ ok: ["ONE", "TWO"] });
    await ask(both, { binding: "ONE", op: "put", args: ["shared", "1"] });
    await ask(both, { binding: "TWO", op: "put", args: ["shared", "2"] });
    expect(await doing("get", "shared")).toEqual({ ok: "1" });
    expect(await ask(both, { binding: "TWO", op: "get", args: ["shared"] })).toEqual({ ok: "2" });
    const none = await runtime.deploy("unbound", worker);
    expect(await ask(none, { op: "names" })).toEqual({ ok: [] });
  });

  test("by no other organization, though a version of its names the id", async () => {
    await doing("put", "secret", "hers");
    const evil = await runtime.deployBound("evil", worker, {
      bindings: [kv("KV", namespaceId)],
      organizationSlug: "evil",
    });
    const tries: Ask[] = [
      { op: "get", args: ["secret"] },
      { op: "getWithMetadata", args: ["secret"] },
      { op: "get", args: [["secret"]] },
      { op: "put", args: ["secret", "mine"] },
      { op: "delete", args: ["secret"] },
      { op: "list", args: [] },
    ];
    for (const one of tries) {
      expect(await ask(evil, one)).toMatchObject({ error: expect.stringContaining("403 There is no such namespace.") });
    }
    expect(await doing("get", "secret")).toEqual({ ok: "hers" });
  });

  test("by no fetch, whatever its headers say: it goes where its URL leads", async () => {
    const { port } = outside.address() as AddressInfo;
    const headers = { "x-sluice-binding": "KV", host: "fake-host" };
    const there = await ask(visits, { op: "forge", args: [`http://127.0.0.1:${port}/secret`, { headers }] });
    expect(there).toEqual({ ok: "outside" });
    expect(heard.at(-1)?.url).toBe("/secret");
    const nowhere = await ask(visits, { op: "forge", args: ["http://fake-host/secret?urlencoded=true", { headers }] });
    expect(JSON.stringify(nowhere)).not.toContain("hers");
  });

  test("no longer, in plain words, once it is deleted", async () => {
    const gone = await namespace("gone");
    const bound = await runtime.deployBound("bound", worker, { bindings: [kv("KV", gone)] });
    await ask(bound, { op: "put", args: ["k", "v"] });
    await deleteNamespace(runtime.database.db, { organizationId, namespaceId: gone, userId, name: "gone" });
    expect(await ask(bound, { op: "get", args: ["k"] })).toMatchObject({
      error: expect.stringContaining("There is no such namespace."),
    });
  });
});

test("operations count as sub-requests, and what goes through a binding is no egress", async () => {
  const few = await runtime.deployBound("few", worker, {
    bindings: [kv("KV", namespaceId)],
    limits: { subRequestsMax: 3 },
  });
  expect(await ask(few, { op: "get", args: ["nothing"], loop: 3 })).toEqual({ ok: null });
  expect(await ask(few, { op: "get", args: ["nothing"], loop: 4 })).toMatchObject({
    error: expect.stringContaining("429 Subrequest limit: more than 3 "),
  });
  const sent = async () => /^sluice_outgoing_sent_bytes_total (\d+)$/m.exec(await runtime.metrics())?.[1];
  const before = await sent();
  await ask(visits, { op: "put", args: ["big", null], make: { at: 1, kind: "bytes", of: 1_000_000 } });
  expect(await sent()).toBe(before);
});

test("calls at once all get their own answers", async () => {
  const keys = Array.from({ length: 60 }, (_, at) => `at-once/${at}`);
  await Promise.all(keys.map((key) => doing("put", key, key)));
  const read = await Promise.all(keys.map((key) => doing("get", key)));
  expect(read).toEqual(keys.map((key) => ({ ok: key })));
});
