import { createContext } from "#server/api/context.ts";
import { downloadInvoice, isInvoiceFile } from "#server/api/downloads.ts";

type Params = { params: Promise<{ organization: string; number: string; file: string }> };

export async function GET(req: Request, { params }: Params): Promise<Response> {
  const { organization: organizationSlug, number, file } = await params;
  if (!isInvoiceFile(file)) return new Response("There is no such file of an invoice.\n", { status: 404 });
  return downloadInvoice(await createContext(req.headers), { organizationSlug, number, file });
}
