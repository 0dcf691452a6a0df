import { consoleUnready } from "#server/api/ready.ts";

export const dynamic = "force-dynamic";

/** Can serve: the database and the runtime answer too. If not, why, in words. */
export async function GET(): Promise<Response> {
  const reasons = await consoleUnready();
  const headers = { "cache-control": "no-store" };
  if (reasons.length === 0) return Response.json({ ok: true }, { headers });
  return Response.json({ ok: false, reasons }, { status: 503, headers });
}
