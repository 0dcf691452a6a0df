import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { refuseBody } from "#server/api/body-bound.ts";
import { createContext } from "#server/api/context.ts";
import { appRouter } from "#server/api/root.ts";
import { isCrossSite } from "#server/api/same-site.ts";

function handle(req: Request): Response | Promise<Response> {
  if (isCrossSite(req)) return new Response("Cross-site requests are refused.\n", { status: 403 });
  return (
    refuseBody(req) ??
    fetchRequestHandler({
      endpoint: "/api/trpc",
      req,
      router: appRouter,
      createContext: () => createContext(req.headers),
    })
  );
}

export { handle as GET, handle as POST };
