import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  callFunction,
  eventually,
  testRuntime,
  type FunctionAnswer,
  type TestRuntime,
} from "#server/runtime/test-runtime.ts";
import { destinationOf, lookupPublic, machineRules } from "#server/runtime/platform/egress-rules.ts";
import { bundleOf, type Attack, type Target } from "./attack.ts";
import { disguiseAttacks } from "./disguise-attacks.ts";
import { exhaustionAttacks } from "./exhaustion-attacks.ts";
import { hostAttacks } from "./host-attacks.ts";
import { elsewhereAddresses, hostileZone, networkAttacks } from "./network-attacks.ts";
import { enterOwnNetwork, hostileNameServer, nameServerAddresses } from "./own-network.ts";

/** From here on, where we are root: no packet of this test can leave the machine. */
const isOwnNetwork = enterOwnNetwork([...new Set([...elsewhereAddresses, ...nameServerAddresses()])]);

/** Tight, so that what runs into a limit does so soon. */
const limits = { cpuMsMax: 300, wallMsMax: 4_000, memoryMbMax: 64, instancesMax: 2, subRequestsMax: 1_000 };
const NEIGHBOUR = "neighbour--victim.localhost";
const NEIGHBOUR_EVERY_MS = 25;
const PLATFORM_MB_MAX = 700;

let runtime: TestRuntime;
let allowed: Server;
let forbidden: Server;
const forbiddenUdp = createSocket("udp4");
let forbiddenHits = 0;
let target: Target;
let pid: number;
const neighbour = { asked: 0, wrong: [] as string[], slowestMs: 0, isOver: false, done: Promise.resolve() };

async function loopback(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** What an operator has allowed, and what an attacker makes of it. */
function allowedServer(): Server {
  return createServer((req, res) => {
    const url = new URL(req.url ?? "/", "http://x");
    res.on("error", () => undefined);
    if (url.pathname === "/redirect") res.writeHead(302, { location: url.searchParams.get("to") ?? "" }).end();
    else if (url.pathname === "/wait") setTimeout(() => res.end("ok"), 100);
    else if (url.pathname === "/sink") req.resume();
    else if (url.pathname === "/endless") {
      const more = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(65_536)));
      };
      res.on("drain", more);
      more();
    } else res.end("ok");
  });
}

/** Ports that attacks name at addresses of other machines. */
const ELSEWHERE_PORTS = [1, 25, 80, 443];
const elsewhere: Server[] = [];
let nameServer: Awaited<ReturnType<typeof hostileNameServer>> | undefined;

/** Whoever an attack would reach if a wall fell: the addresses are on our loopback, and something answers there. */
async function listenElsewhere(): Promise<void> {
  nameServer = await hostileNameServer(hostileZone);
  for (const port of ELSEWHERE_PORTS) {
    const server = createServer((_req, res) => void res.end("secret")).on("connection", () => (forbiddenHits += 1));
    server.listen(port, "::");
    await once(server, "listening");
    elsewhere.push(server);
  }
}

/** The function of another organization, asked all the time. */
async function watchNeighbour(): Promise<void> {
  while (!neighbour.isOver) {
    const beganAt = performance.now();
    const answer = await callFunction(runtime, NEIGHBOUR).catch((error: unknown) => ({
      status: 0,
      text: String(error),
    }));
    neighbour.asked += 1;
    neighbour.slowestMs = Math.max(neighbour.slowestMs, performance.now() - beganAt);
    if (answer.status !== 200 || answer.text !== "neighbour") neighbour.wrong.push(`${answer.status} ${answer.text}`);
    await sleep(NEIGHBOUR_EVERY_MS);
  }
}

beforeAll(async () => {
  allowed = allowedServer();
  forbidden = createServer((_req, res) => {
    forbiddenHits += 1;
    res.end("secret");
  });
  forbidden.on("connection", () => (forbiddenHits += 1));
  const [allowedPort, forbiddenPort] = await Promise.all([loopback(allowed), loopback(forbidden)]);
  if (isOwnNetwork) await listenElsewhere();
  forbiddenUdp.on("message", () => (forbiddenHits += 1));
  forbiddenUdp.bind(forbiddenPort, "127.0.0.1");
  runtime = await testRuntime({ EGRESS_ALLOW: `127.0.0.1:${allowedPort}`, LOG_LEVEL: "warn", WARM_POOL_SIZE: "2" });
  target = { gatewayPort: runtime.gatewayPort, allowedPort, forbiddenPort };
  pid = runtime.pid();
  await runtime.deploy("neighbour", `export default { fetch: () => new Response("neighbour") };`, {}, "victim");
  await eventually(
    () => callFunction(runtime, NEIGHBOUR),
    ({ status }) => status === 200,
  );
  neighbour.done = watchNeighbour();
});

afterAll(async () => {
  neighbour.isOver = true;
  await neighbour.done;
  await runtime[Symbol.asyncDispose]();
  forbiddenUdp.close();
  nameServer?.close();
  for (const server of [allowed, forbidden, ...elsewhere]) {
    server.closeAllConnections();
    server.close();
  }
});

let attempts = 0;

async function attempt(attack: Attack): Promise<FunctionAnswer | "cut"> {
  const { host } = await runtime.deploy(`attack-${(attempts += 1)}`, bundleOf(attack), limits);
  const path = `/?target=${encodeURIComponent(JSON.stringify(target))}`;
  const answer = await callFunction(runtime, host, { path }).catch(() => "cut" as const);
  const after = await callFunction(runtime, host, { path: "/after" }).catch((error: unknown) => ({
    status: 0,
    text: String(error),
  }));
  // What it did to itself is its own: but an answer must be its own as well, or the platform's.
  if (after.status === 200) expect(["alive", "evil", "patched"]).toContain(after.text);
  return answer;
}

function check(attack: Attack, answer: FunctionAnswer | "cut"): void {
  const wanted = attack.expect;
  const text = answer === "cut" ? "cut" : answer.text;
  switch (wanted.kind) {
    case "refused":
      return expect(text).toMatch(/^refused /);
    case "gets":
      return expect(text).toMatch(wanted.text);
    case "ended":
      if (answer === "cut") return;
      return expect([wanted.codes, text]).toEqual([expect.arrayContaining([codeOf(text)]), text]);
    case "harmless":
      return expect(text).not.toMatch(/secret|neighbour/);
  }
}

function codeOf(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? text;
}

describe.each([
  ["the host", hostAttacks],
  ["the network", networkAttacks],
  ["what is shared", exhaustionAttacks],
  ["the truth", disguiseAttacks],
])("attacks on %s", (_on, attacks) => {
  test.each(attacks.map((attack) => [attack.name, attack] as const))("%s", async (_name, attack) => {
    const wrongBefore = neighbour.wrong.length;
    if (attack.elsewhere && !isOwnNetwork) return expectRefused(attack.elsewhere);
    check(attack, await attempt(attack));
    expect(forbiddenHits).toBe(0);
    expect(neighbour.wrong.slice(wrongBefore)).toEqual([]);
    expect([runtime.pid(), isAlive(pid)]).toEqual([pid, true]);
  });
});

/** What the rules say of an address that is nobody's here: asked, not tried. */
async function expectRefused(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const decision = await lookupPublic(destinationOf(new URL(url)), machineRules([]));
    expect([url, decision.kind]).toEqual([url, "refused"]);
  }
}

test("in a network of its own, the attacks' name server was asked, and what they reached for could have answered", async () => {
  if (!isOwnNetwork) return expect(process.getuid?.() === 0 && nameServer !== undefined).toBe(false);
  const names = new Set(nameServer?.asked.map((question) => question.split(" ")[0]));
  for (const name of Object.keys(hostileZone)) expect([name, names.has(name)]).toEqual([name, true]);
  const hitsBefore = forbiddenHits;
  expect(await (await fetch("http://169.254.169.254/latest/meta-data/")).text()).toBe("secret");
  expect(forbiddenHits).toBe(hitsBefore + 1);
  forbiddenHits = hitsBefore;
});

describe("attacks by callers", () => {
  const good = `GET / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\n`;

  test.each([
    ["two lengths", `POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
    [
      "a length beside chunks",
      `POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n`,
    ],
    ["a hidden encoding", `POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ["an unknown encoding", `POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ["a folded header", `${good}X: a\r\n b\r\n\r\n`],
    ["a bare line feed", `GET / HTTP/1.1\nHost: ${NEIGHBOUR}\n\n`],
    ["a zero byte", `${good}X: a\0b\r\n\r\n`],
    ["a negative length", `POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nContent-Length: -1\r\n\r\n`],
    ["a header of 100 KB", `${good}X: ${"a".repeat(100_000)}\r\n\r\n`],
    ["five thousand headers", `${good}${"X: a\r\n".repeat(5_000)}\r\n`],
    ["CONNECT", `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\n\r\n`],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00"],
    [
      "a chunk of absurd size",
      `POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
    ],
  ])("%s is refused and reaches no function", async (_what, text) => {
    const answer = await rawAnswer(text);
    expect(answer).not.toContain("secret");
    expect(answer === "" || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true);
  });

  test("many who send slowly and many who read slowly hold nobody up", async () => {
    const { host } = await runtime.deploy(
      "endless",
      `export default { fetch: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } })) };`,
      { ...limits, cpuMsMax: 5_000 },
    );
    const sockets: Socket[] = [];
    for (let i = 0; i < 150; i++) {
      const socket = connect(runtime.gatewayPort, "127.0.0.1").on("error", () => undefined);
      if (i % 3 === 0) socket.write(`GET / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nX: `);
      else if (i % 3 === 1) socket.write(`POST / HTTP/1.1\r\nHost: ${NEIGHBOUR}\r\nContent-Length: 100000\r\n\r\nx`);
      else socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => socket.pause());
      sockets.push(socket);
    }
    const askedBefore = neighbour.asked;
    await sleep(2_500);
    for (const socket of sockets) socket.destroy();
    expect(neighbour.asked - askedBefore).toBeGreaterThan(5);
  });

  function rawAnswer(text: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(runtime.gatewayPort, "127.0.0.1", () => socket.write(text, "latin1"));
      let answer = "";
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(answer));
      socket.setTimeout(3_000, () => socket.destroy());
    });
  }
});

test("after all of it: the neighbour had every answer, the platform lives in bounded memory, no attack left a log that blocks others", async () => {
  expect(neighbour.wrong).toEqual([]);
  expect(neighbour.asked).toBeGreaterThan(100);
  expect(isAlive(pid)).toBe(true);
  const resident = Number(/^sluice_resident_bytes (\d+)/m.exec(await runtime.metrics())?.[1]);
  expect(resident / 1024 / 1024).toBeLessThan(PLATFORM_MB_MAX);
  const { host } = await runtime.deploy(
    "last",
    `export default { fetch() { console.log("the last line"); return new Response("x"); } };`,
  );
  await callFunction(runtime, host);
  const line = await eventually(
    () => runtime.database.db.logLine.findFirst({ where: { message: "the last line" }, select: { message: true } }),
    Boolean,
  );
  expect(line?.message).toBe("the last line");
  expect(runtime.said()).not.toMatch(/uncaught|unhandled/i);
});

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
