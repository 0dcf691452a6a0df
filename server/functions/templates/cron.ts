import type { Template } from "../templates.ts";

const index = `/**
 * Cron job
 *
 * "scheduled" is what a cron trigger calls; "fetch" answers over HTTP, so that you can run the same work by hand:
 *        POST /run
 *
 * Times are UTC. controller.scheduledTime is when the run was due, which may be a little before it began.
 */
export default {
  async scheduled(controller, env, ctx): Promise<void> {
    await work(new Date(controller.scheduledTime));
  },

  async fetch(request): Promise<Response> {
    const url = new URL(request.url);
    if (request.method === "POST" && url.pathname === "/run") {
      const result = await work(new Date());
      return Response.json(result);
    }
    return new Response(
      "This function does its work on a schedule.\\nRun it now:  curl -X POST " + url.origin + "/run\\n",
      { headers: { "content-type": "text/plain; charset=utf-8" } },
    );
  },
} satisfies ExportedHandler;

/** What is to be done each time. Make it safe to do twice: a run may be repeated after a failure. */
async function work(due: Date): Promise<{ due: string; tookMs: number }> {
  const startedAt = Date.now();
  console.log("working for", due.toISOString());
  // Your work goes here: fetch something, tidy up, send a report.
  return { due: due.toISOString(), tookMs: Date.now() - startedAt };
}
`;

export const cron: Template = {
  title: "Cron job",
  description: "Work on a schedule, with a button over HTTP to run it by hand.",
  files: [{ path: "src/index.ts", content: index }],
};
