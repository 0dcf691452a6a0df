import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { request } from "undici";
import { z } from "zod";
import { freePorts, startSluiceProcess, type SluiceProcess } from "./sluice-process.ts";

const monthAnswer = z.object({
  result: z.object({
    data: z.object({ json: z.object({ lines: z.array(z.object({ meter: z.string(), used: z.string() })) }) }),
  }),
});

/** It takes its time, so that calls are under way at any moment, and a few callers stay below its requests a second. */
const code = `export default {
  async fetch() {
    await scheduler.wait(20);
    return new Response("hello from life");
  },
};`;

/** Starting, stopping and being killed, as an operator meets them. */
test.describe.configure({ mode: "serial" });

let dataDir: string;
test.beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sluice-life-"));
});
test.afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

test("a data folder has one Sluice: a second start says so and leaves the first alone", async () => {
  const busy = process.env["SLUICE_DATA_DIR"] ?? "";
  await expect(startSluiceProcess(busy, await freePorts())).rejects.toThrow(/Another Sluice runs on .*DATA_DIR/);
  expect((await request(`${process.env["SLUICE_CONSOLE"]}/readyz`)).statusCode).toBe(200);
});

test("a port in use is told with the variable that names it, and nothing is left running", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const address = blocker.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  const ports = await freePorts();
  await expect(startSluiceProcess(dataDir, { ...ports, gatewayPort: address.port })).rejects.toThrow(
    /Port \d+ is in use.*GATEWAY_PORT/,
  );
  await expect(startSluiceProcess(dataDir, { ...ports, port: address.port })).rejects.toThrow(
    /Port \d+ is in use.*PORT/,
  );
  blocker.close();
});

test("a database that does not answer is told in a line with what to do", async () => {
  const start = startSluiceProcess(dataDir, await freePorts(), {
    DATABASE_URL: "postgresql://nobody@127.0.0.1:1/nothing",
  });
  await expect(start).rejects.toThrow(/DATABASE_URL names does not answer: .*ECONNREFUSED.*unset DATABASE_URL/s);
});

test("kill -9 of everything loses nothing and leaves no orphan; the next start serves the same function", async () => {
  const ports = await freePorts();
  const first = await startSluiceProcess(dataDir, ports);
  const cookie = await signUp(first);
  await deploy(first, cookie);
  expect(await callHello(first)).toBe("hello from life");
  for (const pid of first.pids().toReversed()) killHard(pid);
  await expect.poll(() => isServing(ports.gatewayPort)).toBe(false);

  // A power cut may leave half a line at the end of a journal.
  const journals = join(dataDir, "journal");
  const segments = (await readdir(journals, { recursive: true })).filter((name) => name.endsWith(".journal"));
  expect(segments.length).toBeGreaterThan(1);
  for (const name of segments) await appendFile(join(journals, name), '0badc0de {"kind":"end","seq":99');
  const second = await startSluiceProcess(dataDir, ports);
  expect(await callHello(second)).toBe("hello from life");
  await expect.poll(() => usageRequests(second, cookie)).toBe(2);
  expect(await second.stop()).toBe(0);
});

test("when only the parent is killed, its children end too, and the next start works", async () => {
  const ports = await freePorts();
  const first = await startSluiceProcess(dataDir, ports);
  const pids = first.pids();
  killHard(pids[0] ?? 0);
  await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
  const second = await startSluiceProcess(dataDir, ports);
  expect(await callHello(second)).toBe("hello from life");
  await second.stop();
});

test("a stop by Ctrl-C ends every process that was started", async () => {
  const sluice = await startSluiceProcess(dataDir, await freePorts());
  const pids = sluice.pids();
  expect(pids.length).toBeGreaterThan(4);
  expect(await sluice.stop("SIGINT")).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
});

test("a runtime that is killed is started again and serves", async () => {
  const sluice = await startSluiceProcess(dataDir, await freePorts());
  const runtime = await processOf(sluice, "server/runtime/main.ts");
  killHard(runtime);
  await expect.poll(() => callHello(sluice).catch(() => ""), { timeout: 20_000 }).toBe("hello from life");
  await sluice.stop();
});

test("SIGUSR2 puts a new runtime in the place of the one that serves: no call is refused or broken", async () => {
  const sluice = await startSluiceProcess(dataDir, await freePorts());
  const before = await processOf(sluice, "server/runtime/main.ts");
  const over = new AbortController();
  const answers = new Map<string, number>();
  const callers = Array.from({ length: 4 }, async () => {
    while (!over.signal.aborted) {
      const answer = await callHello(sluice).catch((error: unknown) => String(error));
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  });
  sluice.child.kill("SIGUSR2");
  await expect.poll(() => sluice.said(), { timeout: 60_000 }).toContain("the runtime was replaced");
  over.abort();
  await Promise.all(callers);
  expect([...answers.keys()]).toEqual(["hello from life"]);
  expect(await processOf(sluice, "server/runtime/main.ts")).not.toBe(before);
  expect(await sluice.stop()).toBe(0);
});

async function signUp(sluice: SluiceProcess): Promise<string> {
  const origin = `http://localhost:${sluice.port}`;
  const person = {
    name: "Life",
    email: "life@example.com",
    password: "correct horse battery staple",
    organization: "life",
  };
  await mutate(sluice, "account.signUp", person, "");
  const csrf = await request(`${origin}/api/auth/csrf`);
  const { csrfToken } = z.object({ csrfToken: z.string() }).parse(await csrf.body.json());
  const cookies = cookiesOf(csrf.headers["set-cookie"]);
  const signedIn = await request(`${origin}/api/auth/callback/credentials`, {
    method: "POST",
    headers: { cookie: cookies, "content-type": "application/x-www-form-urlencoded", origin },
    body: new URLSearchParams({ csrfToken, email: person.email, password: person.password, json: "true" }).toString(),
  });
  await signedIn.body.dump();
  return cookiesOf(signedIn.headers["set-cookie"]);
}

async function deploy(sluice: SluiceProcess, cookie: string): Promise<void> {
  await mutate(sluice, "function.create", { organizationSlug: "life", name: "hello", template: "hello" }, cookie);
  const files = [{ path: "src/index.ts", content: code }];
  await mutate(sluice, "function.deploy", { organizationSlug: "life", name: "hello", files }, cookie);
}

async function mutate(sluice: SluiceProcess, procedure: string, input: unknown, cookie: string): Promise<unknown> {
  const origin = `http://localhost:${sluice.port}`;
  const answer = await request(`${origin}/api/trpc/${procedure}`, {
    method: "POST",
    headers: { "content-type": "application/json", cookie, origin },
    body: JSON.stringify({ json: input }),
  });
  const text = await answer.body.text();
  expect(answer.statusCode, `${procedure}: ${text}`).toBe(200);
  return JSON.parse(text);
}

async function usageRequests(sluice: SluiceProcess, cookie: string): Promise<number> {
  const input = encodeURIComponent(JSON.stringify({ json: { organizationSlug: "life" } }));
  const answer = await request(`http://localhost:${sluice.port}/api/trpc/usage.month?input=${input}`, {
    headers: { cookie },
  });
  const { result } = monthAnswer.parse(await answer.body.json());
  return Number(result.data.json.lines.find((line) => line.meter === "requests")?.used);
}

async function callHello({ gatewayPort }: { gatewayPort: number }): Promise<string> {
  const answer = await request(`http://127.0.0.1:${gatewayPort}/@life/hello/`);
  return answer.body.text();
}

async function isServing(gatewayPort: number): Promise<boolean> {
  return request(`http://127.0.0.1:${gatewayPort}/healthz`).then(
    () => true,
    () => false,
  );
}

async function processOf(sluice: SluiceProcess, script: string): Promise<number> {
  for (const pid of sluice.pids()) {
    if ((await readFile(`/proc/${pid}/cmdline`, "utf8")).includes(script)) return pid;
  }
  throw new Error(`no process runs ${script}`);
}

function cookiesOf(header: string | string[] | undefined): string {
  return [header ?? []]
    .flat()
    .map((one) => one.split(";")[0])
    .join("; ");
}

function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It went with its parent.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
