import type { Template } from "../templates.ts";

const index = `/**
 * Hello
 *
 * The smallest useful function: it is called once for each HTTP request, and what it returns is the answer.
 * Press Deploy (Ctrl+S or Cmd+S), then call it from the Run panel or with curl.
 */
export default {
  async fetch(request): Promise<Response> {
    const url = new URL(request.url);
    const name = url.searchParams.get("name") ?? "world";

    // Whatever is printed here appears in the Logs tab, under the request that printed it.
    console.log(request.method, url.pathname, "greets", name);

    return new Response("Hello, " + name + "!\\n", {
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  },
} satisfies ExportedHandler;
`;

export const hello: Template = {
  title: "Hello",
  description: "The smallest function: one request in, one answer out.",
  files: [{ path: "src/index.ts", content: index }],
};
