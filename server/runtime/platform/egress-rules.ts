import { lookup, Resolver } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Which addresses functions may reach. What is asked of the world is handed in, so that a decision can be had without it. */
export type EgressRules = {
  /** "host:port" as an operator wrote them: exceptions for what is not public. */
  allowed: ReadonlySet<string>;
  /** All addresses of a name; none when it has none. */
  resolve: (name: string, isAllowed: boolean) => Promise<readonly string[]>;
  /** This machine's own, whatever the network calls them. */
  ownAddresses: () => ReadonlySet<string>;
};

/** Where a function wants to go: a host as a URL writes it, and a port. */
export type Destination = { host: string; port: number };

export type Lookup = { kind: "address"; address: string } | { kind: "refused"; status: number; message: string };

const SMTP_PORT = 25;

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
  ["168.63.129.16", 32], // Azure's host, at a public number: it hands out the machine's secrets
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
] as const) {
  special.addSubnet(network, prefix, "ipv6");
}

/** Whether an address, as text, is one of the public internet. Mapped and NAT64 forms of IPv4 are not: nothing public needs them. */
export function isPublicAddress(address: string): boolean {
  if (address.includes("%")) return false; // a zone: link-local by its nature
  switch (isIP(address)) {
    case 4:
      return !special.check(address, "ipv4");
    case 6:
      return publicV6.check(address, "ipv6") && !special.check(address, "ipv6");
    default:
      return false;
  }
}

/** The destination of a URL that is fetched. URL has already turned decimal, octal and hexadecimal forms of IPv4 into the usual one. */
export function destinationOf(url: URL): Destination {
  return { host: url.hostname, port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port) };
}

/** The destination of a CONNECT, "host:port", read as strictly as a URL is. */
export function parseAuthority(authority: string): Destination | undefined {
  const [, host = "", port = ""] = /^(\[[^\]]+\]|[^:/?#@\\\s]+):(\d{1,5})$/.exec(authority) ?? [];
  const url = URL.parse(`http://${host}/`);
  const number = Number(port);
  return url && number >= 1 && number <= 65_535 ? { host: url.hostname, port: number } : undefined;
}

/** Resolves the name once, and says which address to connect to, or why none. One address that is not public refuses the name. */
export async function lookupPublic({ host, port }: Destination, rules: EgressRules): Promise<Lookup> {
  const name = host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  const isAllowed = rules.allowed.has(`${name}:${port}`);
  if (isAllowed) return firstOf(name, isIP(name) === 0 ? await rules.resolve(name, true) : [name]);
  if (port === SMTP_PORT)
    return refused(
      "Mail is not sent from here: port 25 is closed. Use a mail service's HTTP API or its submission port.",
    );
  if (name === "localhost" || name.endsWith(".localhost")) return refused(notPublic(name));
  const addresses = isIP(name) === 0 ? await rules.resolve(name, false) : [name];
  const own = rules.ownAddresses();
  if (!addresses.every((address) => isPublicAddress(address) && !own.has(address))) return refused(notPublic(name));
  return firstOf(name, addresses);
}

function firstOf(name: string, [address]: readonly string[]): Lookup {
  if (address !== undefined) return { kind: "address", address };
  return { kind: "refused", status: 502, message: `The name ${name} has no address.` };
}

function refused(message: string): Lookup {
  return { kind: "refused", status: 403, message };
}

function notPublic(name: string): string {
  return `${name} is not an address of the public internet, and functions may not reach it. An operator can allow it.`;
}

const RESOLVE_MS_MAX = 3_000;
const RESOLVE_TRIES = 2;
const OWN_ADDRESSES_FOR_MS = 5_000;

/** The rules of a machine, with the exceptions of its operator. */
export function machineRules(allowed: readonly string[]): EgressRules {
  // Asks name servers by itself. The system's look-up would hold a thread of the pool that the journal writes with, and a
  // tenant's name server can take its time. Names that an operator allowed may stand in /etc/hosts, so those go that way.
  const resolver = new Resolver({ timeout: RESOLVE_MS_MAX, tries: RESOLVE_TRIES });
  let own: ReadonlySet<string> = new Set();
  let readAtMs = 0;
  return {
    allowed: new Set(allowed.map((entry) => entry.toLowerCase())),
    async resolve(name, isAllowed) {
      if (isAllowed)
        return (await lookup(name, { all: true, order: "ipv4first" }).catch(() => [])).map((entry) => entry.address);
      const [v4, v6] = await Promise.all([
        resolver.resolve4(name).catch(() => []),
        resolver.resolve6(name).catch(() => []),
      ]);
      return [...v4, ...v6];
    },
    ownAddresses() {
      if (Date.now() - readAtMs < OWN_ADDRESSES_FOR_MS) return own;
      readAtMs = Date.now();
      own = new Set(
        Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map((entry) => entry.address)),
      );
      return own;
    },
  };
}
