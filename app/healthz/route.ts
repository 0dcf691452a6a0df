export const dynamic = "force-dynamic";

/** Alive: the process answers. */
export function GET(): Response {
  return new Response("ok\n");
}
