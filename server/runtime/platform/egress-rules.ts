import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** Which addresses functions may reach. */
export type EgressRules = {
  /** "host:port" as an operator wrote them: exceptions for what is not public. */
  allowed: ReadonlySet<string>;
};

export type Lookup = { kind: "address"; address: string } | { kind: "refused"; status: number; message: string };

/** What is not the public internet, after the IANA special-purpose registries (RFC 6890 and later). */
const special = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  special.addSubnet(network, prefix, "ipv4");
}
/** Of IPv6 only 2000::/3 is public, and of that not these: Teredo and documentation, benchmarking, 6to4. */
const publicV6 = new BlockList();
publicV6.addSubnet("2000::", 3, "ipv6");
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  special.addSubnet(network, prefix, "ipv6");

/** Whether an address, as text, is one of the public internet. Mapped and NAT64 forms of IPv4 are not: nothing public needs them. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, "ipv4");
    case 6:
      return publicV6.check(address, "ipv6") && !special.check(address, "ipv6");
    default:
      return false;
  }
}

/** Resolves the name of a URL once, and says which address to connect to, or why none. One address that is not public refuses the name. */
export async function lookupPublic(url: URL, rules: EgressRules): Promise<Lookup> {
  // URL has already turned decimal, octal and hexadecimal forms of IPv4 into the usual one.
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const isAllowed = rules.allowed.has(`${name}:${port}`);
  const addresses = isIP(name) === 0 ? await resolveAll(name) : [name];
  const [first] = addresses;
  if (first === undefined) return { kind: "refused", status: 502, message: `The name ${name} has no address.` };
  if (!isAllowed && !addresses.every(isPublicAddress)) {
    return {
      kind: "refused",
      status: 403,
      message: `${name} is not an address of the public internet, and functions may not reach it. An operator can allow it.`,
    };
  }
  return { kind: "address", address: first };
}

async function resolveAll(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true, order: "ipv4first" })).map((entry) => entry.address);
  } catch {
    return [];
  }
}
