/**
 * Whether another site made the browser send this request: the session cookie would come along with it. Functions of tenants
 * live on other hosts of what a browser may call the same site, so anything but the very same origin is refused.
 */
export function isCrossSite(req: Request): boolean {
  const site = req.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = req.headers.get("origin");
  return origin !== null && hostOf(origin) !== req.headers.get("host");
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
