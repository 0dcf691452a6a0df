import { createContext } from "#server/api/context.ts";
import { downloadObject, uploadObject } from "#server/api/object-files.ts";
import { isCrossSite } from "#server/api/same-site.ts";

type Params = { params: Promise<{ organization: string; bucket: string }> };

/** The key stands in the query: in a path, a browser would resolve the dots in it. */
async function fileOf(req: Request, { params }: Params) {
  const { organization: organizationSlug, bucket } = await params;
  return { organizationSlug, bucket, key: new URL(req.url).searchParams.get("key") ?? "" };
}

export async function GET(req: Request, params: Params): Promise<Response> {
  return downloadObject(await createContext(req.headers), await fileOf(req, params));
}

export async function PUT(req: Request, params: Params): Promise<Response> {
  if (isCrossSite(req)) return new Response("Cross-site requests are refused.\n", { status: 403 });
  return uploadObject(await createContext(req.headers), await fileOf(req, params), req);
}
