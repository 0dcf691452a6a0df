import { createContext } from "#server/api/context.ts";
import { downloadKeys } from "#server/api/key-download.ts";

type Params = { params: Promise<{ organization: string; namespace: string }> };

/** The export of a namespace. */
export async function GET(req: Request, { params }: Params): Promise<Response> {
  const { organization: organizationSlug, namespace: namespaceId } = await params;
  return downloadKeys(await createContext(req.headers), { organizationSlug, namespaceId });
}
