import type { Template } from "../templates.ts";

const index = `/**
 * Proxy
 *
 * Passes each request on to another site and streams its answer back, with headers changed on the way.
 * Set UPSTREAM to the site that you want to stand in front of.
 */
const UPSTREAM = "https://example.com";

/** What belongs to the visitor and this site, and is no business of the upstream. */
const PRIVATE_HEADERS = ["cookie", "authorization", "x-forwarded-for", "x-real-ip"];

export default {
  async fetch(request): Promise<Response> {
    const from = new URL(request.url);
    const to = new URL(from.pathname + from.search, UPSTREAM);
    // "//other.site/" as a path would otherwise choose the host.
    if (to.origin !== new URL(UPSTREAM).origin) return new Response("Not found\\n", { status: 404 });

    const headers = new Headers(request.headers);
    for (const name of PRIVATE_HEADERS) headers.delete(name);
    headers.set("host", to.host);

    const startedAt = Date.now();
    let answer: Response;
    try {
      answer = await fetch(to, { method: request.method, headers, body: request.body, redirect: "manual" });
    } catch (error) {
      console.error("upstream failed:", error);
      return new Response("The upstream can't be reached\\n", { status: 502 });
    }
    console.log(request.method, to.href, answer.status, Date.now() - startedAt, "ms");

    const changed = new Response(answer.body, answer);
    changed.headers.delete("set-cookie");
    changed.headers.set("x-proxied-by", "sluice");
    return changed;
  },
} satisfies ExportedHandler;
`;

export const proxy: Template = {
  title: "Proxy",
  description: "Stand in front of another site and change headers on the way.",
  files: [{ path: "src/index.ts", content: index }],
};
