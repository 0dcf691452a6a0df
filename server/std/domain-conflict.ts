/**
 * Why functions may not be served under `functionsDomain` while the console is at `consoleHost`; undefined when they may.
 * A host may set cookies for every domain above it, so a tenant's function must share no domain with the console: its
 * domain may be neither the console's own, nor a parent, a child or a sibling of it.
 */
export function domainConflict(consoleHost: string, functionsDomain: string): string | undefined {
  const [ours, theirs] = [labelsOf(consoleHost), labelsOf(functionsDomain)];
  if (isLocal(ours) || isLocal(theirs) || isAddress(consoleHost)) return undefined;
  const shared = commonEnd(ours, theirs);
  const isWithin = shared.length === ours.length || shared.length === theirs.length;
  if (!isWithin && isRegistry(shared)) return undefined;
  return (
    `functions under ${functionsDomain} could set cookies for the console at ${consoleHost}, because both lie under ${shared.join(".")}; ` +
    "give functions a domain of their own that shares no part with the console's but the registry's ending"
  );
}

function labelsOf(host: string): string[] {
  return host.toLowerCase().replace(/\.$/, "").split(".");
}

/** A name on the machine itself: no cookie of it reaches anybody else. */
function isLocal(labels: readonly string[]): boolean {
  return labels.at(-1) === "localhost";
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+(\.\d+){3}$/.test(host);
}

function commonEnd(a: readonly string[], b: readonly string[]): string[] {
  const shared: string[] = [];
  for (let back = 1; back <= Math.min(a.length, b.length) && a.at(-back) === b.at(-back); back += 1)
    shared.unshift(a.at(-back) ?? "");
  return shared;
}

/** Under which countries register names: "co.uk", "com.au". Others that exist are refused, which is the safe error. */
const registryLabels = new Set(["ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"]);

/** Whether nobody may set a cookie for that ending: no label, a top-level domain, or a country's registry. */
function isRegistry(labels: readonly string[]): boolean {
  const [first = "", second = ""] = labels;
  return labels.length < 2 || (labels.length === 2 && second.length === 2 && registryLabels.has(first));
}
