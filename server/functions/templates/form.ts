import type { Template } from "../templates.ts";

const index = `/**
 * HTML form
 *
 * GET shows a form, POST reads it and says thank you. The page is a file of its own (src/page.html), imported as text.
 * Everything that a visitor sent is escaped before it is shown again.
 */
import page from "./page.html";

export default {
  async fetch(request): Promise<Response> {
    if (request.method === "GET" || request.method === "HEAD") return show("");
    if (request.method !== "POST") {
      return new Response("Use GET or POST\\n", { status: 405, headers: { allow: "GET, HEAD, POST" } });
    }

    const form = await request.formData();
    const name = String(form.get("name") ?? "").trim();
    const message = String(form.get("message") ?? "").trim();
    if (name === "" || message === "") return show("Please fill in both fields.", 400);

    console.log("a message of", message.length, "characters from", name);
    return show("Thank you, " + name + "!");
  },
} satisfies ExportedHandler;

function show(notice: string, status = 200): Response {
  const html = page.replace("{{notice}}", () => escapeHtml(notice));
  return new Response(html, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => "&#" + character.charCodeAt(0) + ";");
}
`;

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>Write to us</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; }
      label { display: block; margin-top: 1rem; }
      input, textarea { box-sizing: border-box; width: 100%; padding: 0.5rem; font: inherit; }
      button { margin-top: 1rem; padding: 0.5rem 1rem; font: inherit; }
    </style>
  </head>
  <body>
    <h1>Write to us</h1>
    <p role="status">{{notice}}</p>
    <form method="post">
      <label>Name <input name="name" autocomplete="name" required /></label>
      <label>Message <textarea name="message" rows="5" required></textarea></label>
      <button>Send</button>
    </form>
  </body>
</html>
`;

export const form: Template = {
  title: "HTML form",
  description: "A page with a form, and the code that reads it.",
  files: [
    { path: "src/index.ts", content: index },
    { path: "src/page.html", content: page },
  ],
};
