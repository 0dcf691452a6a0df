import { gets, harmless, refused, type Attack } from "./attack.ts";

/** Addresses that attacks name and that are not this machine's, for the loopback of a network of the test's own. */
export const elsewhereAddresses = [
  "169.254.169.254",
  "168.63.129.16",
  "100.100.100.200",
  "10.0.0.1",
  "192.168.0.1",
  "203.0.113.7",
  "93.184.215.14",
  "fd00:ec2::254",
  "64:ff9b::a9fe:a9fe",
];

/** What a tenant's name server may say: names that lead back, alone, among others, and in the other family. */
export const hostileZone = {
  "loopback.rebind.test": ["127.0.0.1"],
  "metadata.rebind.test": ["169.254.169.254"],
  "mixed.rebind.test": ["93.184.215.14", "10.0.0.1"],
  "six.rebind.test": ["::1"],
};

const RULES = "egress rules: the platform resolves, judges and connects";
const NO_NETWORK = "network namespace without a network";

const fetchStatus = (url: string): string => `return (await fetch(${url})).status;`;
const FORBIDDEN = gets(/^got 403$/);

/** Reaching for the network: addresses that are not public, the platform's own, raw sockets. What is not on loopback is named in `elsewhere`. */
export const networkAttacks: Attack[] = [
  ...[
    "http://127.0.0.1:1/",
    "http://2130706433:1/",
    "http://0x7f.1:1/",
    "http://0177.0.0.1:1/",
    "http://127.1:1/",
    "http://[::1]:1/",
    "http://[::ffff:127.0.0.1]:1/",
    "http://0:1/",
    "http://localhost:1/",
    "http://a.localhost.:1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://168.63.129.16/",
    "http://100.100.100.200/",
    "http://10.0.0.1/",
    "https://192.168.0.1/",
  ].map((url): Attack => ({
    name: `fetch ${url}`,
    wall: RULES,
    code: fetchStatus(JSON.stringify(url)),
    expect: FORBIDDEN,
    elsewhere: [url],
  })),
  ...Object.keys(hostileZone).map((name): Attack => ({
    name: `a name of one's own, ${name}`,
    wall: `${RULES}; a name is judged by all of its addresses, once`,
    code: `const answers = []; for (let i = 0; i < 3; i++) answers.push((await fetch("http://${name}/")).status); return answers.join();`,
    expect: gets(/^got 403,403,403$/),
    elsewhere: [`http://${hostileZone["metadata.rebind.test"][0]}/`],
  })),
  {
    name: "the gateway from inside, under a neighbour's host name",
    wall: RULES,
    code: `return (await fetch("http://127.0.0.1:" + target.gatewayPort + "/", { headers: { host: "neighbour--victim.localhost" } })).status;`,
    expect: FORBIDDEN,
  },
  {
    name: "a neighbour's address",
    wall: RULES,
    code: fetchStatus(`"http://neighbour--victim.localhost:" + target.gatewayPort`),
    expect: FORBIDDEN,
  },
  ...["http://127.0.0.1:PORT/", "http://0x7f.1:PORT/", "http://localhost:PORT/", "http://169.254.169.254/"].map(
    (to): Attack => ({
      name: `a redirect from what is allowed to ${to}`,
      wall: RULES,
      code: `return (await fetch("http://127.0.0.1:" + target.allowedPort + "/redirect?to=" + encodeURIComponent(${JSON.stringify(to)}.replace("PORT", target.forbiddenPort)))).status;`,
      expect: FORBIDDEN,
      ...(to.includes("PORT") ? {} : { elsewhere: [to] }),
    }),
  ),
  {
    name: "a redirect to another scheme",
    wall: RULES,
    code: `return (await fetch("http://127.0.0.1:" + target.allowedPort + "/redirect?to=file%3A%2F%2F%2Fetc%2Fpasswd")).text();`,
    expect: refused,
  },
  {
    name: "credentials and a fragment that look like a host",
    wall: RULES,
    code: `return (await Promise.all(["http://203.0.113.7@127.0.0.1:1/", "http://127.0.0.1:1/#@203.0.113.7/", "http://127.0.0.1:1\\\\@203.0.113.7/"].map(async (url) => (await fetch(url)).status))).join();`,
    expect: gets(/^got 403,403,403$/),
    elsewhere: ["http://203.0.113.7/"],
  },
  {
    name: "a line break in a request's path and headers",
    wall: "workerd writes its requests itself",
    code: `try { await fetch("http://127.0.0.1:" + target.allowedPort + "/a\\r\\nx: y", { headers: { a: "b\\r\\nHost: c" } }); return "sent"; } catch { return "threw"; }`,
    expect: gets(/^got threw$/),
  },
  {
    name: "a TCP connection to loopback",
    wall: `${NO_NETWORK}; ${RULES}`,
    code: `const { connect } = await import("cloudflare:sockets"); const socket = connect("127.0.0.1:" + target.forbiddenPort); await socket.opened; return "open";`,
    expect: refused,
  },
  {
    name: "a TCP connection to the metadata service, in hexadecimal",
    wall: RULES,
    code: `const { connect } = await import("cloudflare:sockets"); await connect("0xa9fea9fe:80").opened; return "open";`,
    expect: refused,
    elsewhere: ["http://169.254.169.254/"],
  },
  {
    name: "a TCP connection to a mail port",
    wall: RULES,
    code: `const { connect } = await import("cloudflare:sockets"); await connect("203.0.113.7:25").opened; return "open";`,
    expect: refused,
    elsewhere: ["http://203.0.113.7:25/"],
  },
  {
    name: "a TCP connection to a unix socket",
    wall: "own socket only in the sandbox; workerd's interface",
    code: `const { connect } = await import("cloudflare:sockets"); await connect("unix:/s/out.sock").opened; return "open";`,
    expect: refused,
  },
  {
    name: "node:net to a unix socket",
    wall: "own socket only in the sandbox",
    code: `const net = await import("node:net"); return await new Promise((resolve, reject) => { const s = net.connect("/s/out.sock"); s.on("connect", () => resolve("open")); s.on("error", reject); setTimeout(() => reject(new Error("nothing")), 300); });`,
    expect: refused,
  },
  {
    name: "node:net to loopback",
    wall: RULES,
    code: `const net = await import("node:net"); return await new Promise((resolve, reject) => { const s = net.connect(target.forbiddenPort, "127.0.0.1"); s.on("connect", () => setTimeout(() => resolve(s.readyState), 50)); s.on("error", reject); s.on("close", () => reject(new Error("closed"))); setTimeout(() => reject(new Error("nothing")), 500); });`,
    expect: refused,
  },
  {
    name: "listen on a port (in the isolate only: the sandbox has no network to listen on)",
    wall: `${NO_NETWORK}; workerd's interface`,
    code: `const net = await import("node:net"); return await new Promise((resolve, reject) => { net.createServer().listen(8080, () => resolve("listens")).on("error", reject); });`,
    expect: gets(/^got listens$/),
  },
  {
    name: "UDP",
    wall: `${NO_NETWORK}; workerd's interface`,
    code: `const d = await import("node:dgram"); const s = d.createSocket("udp4"); s.send("x", target.forbiddenPort, "127.0.0.1"); await scheduler.wait(50); return "sent";`,
    expect: harmless,
  },
  {
    name: "a name server of one's own",
    wall: NO_NETWORK,
    code: `const dns = await import("node:dns"); dns.setServers(["127.0.0.1"]); return "set";`,
    expect: harmless,
  },
  {
    name: "a WebSocket to loopback",
    wall: RULES,
    code: `return (await fetch("http://127.0.0.1:" + target.forbiddenPort + "/", { headers: { upgrade: "websocket" } })).webSocket === null ? "none" : "open";`,
    expect: harmless,
  },
  {
    name: "headers that claim to be the platform's",
    wall: "the instance's socket is its identity",
    code: `return (await fetch("http://127.0.0.1:" + target.forbiddenPort + "/", { headers: { "x-sluice-cf": "{}", authorization: "Bearer x", "x-forwarded-for": "127.0.0.1" } })).status;`,
    expect: FORBIDDEN,
  },
  {
    name: "the cache under a neighbour's URL",
    wall: "no cache is shared",
    code: `await caches.default.put("http://neighbour--victim.localhost/", new Response("poison", { headers: { "cache-control": "max-age=100" } })); return "put";`,
    expect: harmless,
  },
  {
    name: "hundreds of requests out at once",
    wall: "egress budget of an instance",
    code: `const all = await Promise.allSettled(Array.from({ length: 600 }, () => fetch("http://127.0.0.1:" + target.allowedPort + "/wait"))); return all.filter((one) => one.status === "fulfilled").length > 0;`,
    expect: harmless,
  },
  {
    name: "thousands of TCP connections",
    wall: "egress budget; open files of a process",
    code: `const { connect } = await import("cloudflare:sockets"); const all = []; for (let i = 0; i < 3000; i++) { const s = connect("127.0.0.1:" + target.allowedPort); s.opened.catch(() => {}); s.closed.catch(() => {}); all.push(s); } await scheduler.wait(500); return all.length;`,
    expect: harmless,
  },
  {
    name: "an upload without end",
    wall: "wall limit; bytes of an exchange",
    code: `await fetch("http://127.0.0.1:" + target.allowedPort + "/sink", { method: "POST", body: new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } }) }); return "sent";`,
    expect: harmless,
  },
  {
    name: "a download without end",
    wall: "wall limit; bytes of an exchange",
    code: `let n = 0; for await (const chunk of (await fetch("http://127.0.0.1:" + target.allowedPort + "/endless")).body) n += chunk.length; return n;`,
    expect: harmless,
  },
];
