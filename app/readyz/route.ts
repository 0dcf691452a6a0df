import { isReady } from "#server/api/ready.ts";

export const dynamic = "force-dynamic";

/** Can serve: the database answers too. */
export async function GET(): Promise<Response> {
  return (await isReady()) ? new Response("ready\n") : new Response("the database does not answer\n", { status: 503 });
}
