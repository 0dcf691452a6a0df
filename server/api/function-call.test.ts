import { createServer, type RequestListener } from "node:http";
import { expect, test } from "vitest";
import { newId } from "#server/std/id.ts";
import { callFunction, functionCall } from "./function-call.ts";

async function gateway(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const gatewayPort = typeof address === "object" && address ? address.port : 0;
  return { gatewayPort, [Symbol.dispose]: () => server.closeAllConnections() ?? server.close() };
}

const get = functionCall.parse({ method: "GET", path: "/a?b=c" });

test("a call reaches the function by its host, and comes back with all its headers and its request id", async () => {
  const requestId = newId("request");
  using door = await gateway((req, res) => {
    res.setHeader("set-cookie", ["a=1", "b=2"]).setHeader("x-request-id", requestId);
    res.end(`${req.method} ${req.headers.host} ${req.url}`);
  });
  const answer = await callFunction({ ...door, host: "hello--acme.localhost:8787" }, get);
  expect(answer).toMatchObject({
    kind: "answered",
    requestId,
    status: 200,
    body: { encoding: "text", content: "GET hello--acme.localhost:8787 /a?b=c", truncated: false },
  });
  if (answer.kind === "answered")
    expect(answer.headers.filter(({ name }) => name.toLowerCase() === "set-cookie")).toHaveLength(2);
});

test("an answer beyond 1 MB is cut and says so; binary comes as base64; a redirect is not followed", async () => {
  using long = await gateway((_, res) => res.end("é".repeat(1024 * 1024)));
  expect(await callFunction({ ...long, host: "h" }, get)).toMatchObject({
    body: { encoding: "text", truncated: true },
  });
  using binary = await gateway((_, res) => res.end(Buffer.from([0xff, 0x00])));
  expect(await callFunction({ ...binary, host: "h" }, get)).toMatchObject({
    body: { encoding: "base64", content: "/wA=" },
  });
  using redirect = await gateway((_, res) => res.writeHead(302, { location: "http://127.0.0.1:1/" }).end());
  expect(await callFunction({ ...redirect, host: "h" }, get)).toMatchObject({ kind: "answered", status: 302 });
});

test("a gateway that is not there, or hangs up half-way, is told in words", async () => {
  expect(await callFunction({ gatewayPort: 1, host: "h" }, get)).toMatchObject({ kind: "no_answer" });
  using broken = await gateway((_, res) => {
    res.writeHead(200, { "content-length": "100" }).write("half");
    setTimeout(() => res.destroy(), 20);
  });
  expect(await callFunction({ ...broken, host: "h" }, get)).toMatchObject({ kind: "no_answer" });
});

test.each([
  { method: "GET", path: "no-slash" },
  { method: "GET", path: "/a b" },
  { method: "GET", path: "/a\r\nx: y" },
  { method: "G T", path: "/" },
  { method: "GET", path: "/", headers: [{ name: "a b", value: "" }] },
  { method: "GET", path: "/", headers: [{ name: "a", value: "x\r\ny: z" }] },
  { method: "POST", path: "/", body: "x".repeat(1024 * 1024 + 1) },
])("a call that could be more than one request, or too large, is refused (%#)", (call) => {
  expect(functionCall.safeParse(call).success).toBe(false);
});
