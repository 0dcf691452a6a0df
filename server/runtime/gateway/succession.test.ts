import { once } from "node:events";
import { createServer, get, type Server } from "node:http";
import { expect, test } from "vitest";
import { freePort } from "#server/std/free-port.ts";
import { steerToSuccessor } from "./succession.ts";

const CONNECTIONS = 60;

async function listener(port: number, name: string): Promise<Server> {
  const server = createServer((_req, res) => res.end(name));
  server.listen({ port, host: "127.0.0.1", reusePort: true });
  await once(server, "listening");
  return server;
}

/** Who answers on that many new connections. */
async function answers(port: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let connection = 0; connection < CONNECTIONS; connection += 1) {
    const name = await new Promise<string>((resolve, reject) => {
      get({ port, host: "127.0.0.1", agent: false }, (res) => {
        let text = "";
        res.on("data", (chunk: Buffer) => (text += chunk.toString()));
        res.on("end", () => resolve(text));
      }).on("error", reject);
    });
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

test("once it steers away, every new connection goes to the successor; while it listens beside it, some come to each", async () => {
  const port = await freePort();
  const first = await listener(port, "first");
  const second = await listener(port, "second");
  const before = await answers(port);
  expect([...before.keys()].toSorted()).toEqual(["first", "second"]);
  const steering = steerToSuccessor(first, { port, threads: 1 });
  expect(await answers(port)).toEqual(new Map([["second", CONNECTIONS]]));
  await steering;
  first.close();
  expect(await answers(port)).toEqual(new Map([["second", CONNECTIONS]]));
  second.close();
});

test("without a successor nothing is steered, and nobody waits", async () => {
  const port = await freePort();
  const only = await listener(port, "only");
  const beganAt = performance.now();
  await steerToSuccessor(only, { port, threads: 1 });
  expect(performance.now() - beganAt).toBeLessThan(500);
  expect(await answers(port)).toEqual(new Map([["only", CONNECTIONS]]));
  only.close();
});
