import { describe, expect, test } from "vitest";
import { destinationOf, isPublicAddress, lookupPublic, parseAuthority, type EgressRules } from "./egress-rules.ts";

const PUBLIC = "93.184.215.14";

function rules(
  given: Partial<EgressRules> & { names?: Record<string, string[]> } = {},
): EgressRules & { asked: string[] } {
  const asked: string[] = [];
  const names = given.names ?? {};
  return {
    asked,
    allowed: new Set(),
    ownAddresses: () => new Set(["203.0.114.9", "2600:1f00::9"]),
    resolve: async (name) => (asked.push(name), names[name] ?? []),
    ...given,
  };
}

const decide = (url: string, by = rules()) => lookupPublic(destinationOf(new URL(url)), by);

describe("what is not public is refused with 403, however it is written", () => {
  test.each([
    ..."http://127.0.0.1/ http://127.1/ http://127.0.1/ http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://017700000001/ http://0177.0.0.1/ http://127.0.0.1./".split(
      " ",
    ),
    ..."http://0/ http://0.0.0.0/ http://[::]/ http://[::1]/ http://[0:0:0:0:0:0:0:1]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::127.0.0.1]/".split(
      " ",
    ),
    ..."http://169.254.169.254/latest/meta-data/ http://2852039166/ http://0xa9fea9fe/ http://0251.0376.0251.0376/ http://169.254.43518/ http://[::ffff:169.254.169.254]/ http://[::ffff:a9fe:a9fe]/".split(
      " ",
    ),
    ..."http://[64:ff9b::169.254.169.254]/ http://[64:ff9b::7f00:1]/ http://[64:ff9b:1::1]/ http://[2002:7f00:1::]/ http://[2002:a9fe:a9fe::1]/ http://[2001:0:1::1]/".split(
      " ",
    ),
    ..."http://168.63.129.16/ http://100.100.100.200/ http://192.0.0.192/ http://[fd00:ec2::254]/ http://[fe80::1]/ http://[fec0::1]/ http://[ff02::1]/ http://[2001:db8::1]/".split(
      " ",
    ),
    ..."http://10.0.0.1/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.1.1/ http://100.64.0.1/ http://198.18.0.1/ http://224.0.0.1/ http://255.255.255.255/ http://240.0.0.1/".split(
      " ",
    ),
    ..."http://localhost/ http://LOCALHOST./ http://a.localhost/ http://①②⑦.0.0.1/ http://127。0。0。1/ http://203.0.114.9/ http://[2600:1f00::9]/ https://203.0.114.9:8443/".split(
      " ",
    ),
  ])("%s", async (url) => {
    const by = rules();
    expect(await decide(url, by)).toMatchObject({ kind: "refused", status: 403 });
    expect(by.asked).toEqual([]);
  });
});

test.each([
  ["one private address among public ones", [PUBLIC, "10.0.0.7"]],
  ["one private address first", ["127.0.0.1", PUBLIC]],
  ["metadata", ["169.254.169.254"]],
  ["a mapped address", ["::ffff:10.0.0.1"]],
  ["an address with a zone", ["fe80::1%eth0"]],
  ["what is no address", ["evil"]],
  ["this machine under its public address", ["203.0.114.9"]],
])("a name with %s is refused", async (_what, addresses) => {
  expect(await decide("http://rebind.test/", rules({ names: { "rebind.test": addresses } }))).toMatchObject({
    status: 403,
  });
});

test("a public name is resolved once, and the address that was judged is the one to connect to", async () => {
  const answers = [[PUBLIC], ["127.0.0.1"]];
  const asked: string[] = [];
  const by = rules({ resolve: async (name) => (asked.push(name), answers.shift() ?? []) });
  expect(await decide("https://rebind.test./x", by)).toEqual({ kind: "address", address: PUBLIC });
  expect(asked).toEqual(["rebind.test"]);
});

test("a name without an address is told from a refusal", async () => {
  expect(await decide("http://nowhere.test/")).toMatchObject({ kind: "refused", status: 502 });
});

test("an operator's exception holds for that host and that port only", async () => {
  const by = rules({ allowed: new Set(["10.0.0.7:5432", "db.internal:80"]), names: { "db.internal": ["10.0.0.8"] } });
  expect(await lookupPublic({ host: "10.0.0.7", port: 5432 }, by)).toEqual({ kind: "address", address: "10.0.0.7" });
  expect(await lookupPublic({ host: "10.0.0.7", port: 5433 }, by)).toMatchObject({ status: 403 });
  expect(await decide("http://DB.internal./", by)).toEqual({ kind: "address", address: "10.0.0.8" });
  expect(await decide("https://db.internal/", by)).toMatchObject({ status: 403 });
});

test("mail is not sent, by TCP or by a fetch to that port", async () => {
  expect(await lookupPublic({ host: PUBLIC, port: 25 }, rules())).toMatchObject({ status: 403 });
  expect(await decide(`http://${PUBLIC}:25/`)).toMatchObject({ status: 403 });
  expect(await lookupPublic({ host: PUBLIC, port: 587 }, rules())).toMatchObject({ kind: "address" });
});

test.each([
  ["db.example.com:5432", { host: "db.example.com", port: 5432 }],
  ["0x7f.1:80", { host: "127.0.0.1", port: 80 }],
  ["[::1]:443", { host: "[::1]", port: 443 }],
  ["db.example.com", undefined],
  ["db.example.com:0", undefined],
  ["db.example.com:65536", undefined],
  ["user@127.0.0.1:80", undefined],
  ["a/b:80", undefined],
  ["a#b:80", undefined],
  ["a b:80", undefined],
  ["http://a:80", undefined],
  ["127.0.0.1:80:81", undefined],
  ["::1:80", undefined],
])("the authority %s is read as %o", (text, wanted) => {
  expect(parseAuthority(text)).toEqual(wanted);
});

test("public addresses are public", () => {
  for (const address of [PUBLIC, "1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1"])
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
});
