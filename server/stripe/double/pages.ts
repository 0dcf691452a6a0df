import { changeCard, completeCheckout, sessionOf } from "./checkout.ts";
import { totalOf } from "./invoice-answer.ts";
import type { World } from "./world.ts";

/** What a browser gets: a page, or another place to go to. */
export type PageAnswer = { status: number; html: string } | { location: string };

/** The pages that Stripe hosts: Checkout in setup mode, the customer portal, an invoice. */
export function pageFor(world: World, request: { method: string; path: string; body: string }): PageAnswer | undefined {
  const [, kind, inner = "", id = ""] = request.path.split("/");
  const number = new URLSearchParams(request.body).get("cardnumber") ?? "";
  if (kind === "c" && inner === "pay") {
    if (request.method === "POST") return after(completeCheckout(world, id, number), "Add card");
    return world.checkouts.has(id) && sessionOf(world, id).status === "open" ? cardForm("Add card") : gone();
  }
  if (kind === "p" && inner === "session") {
    if (request.method === "POST") return after(changeCard(world, id, number), "Payment method");
    const session = world.portalSessions.get(id);
    return session ? cardForm("Payment method", session.returnUrl) : gone();
  }
  if (kind === "invoice") return invoicePage(world, inner);
  return undefined;
}

function after(outcome: { location: string } | { message: string }, title: string): PageAnswer {
  return "location" in outcome ? outcome : cardForm(title, null, outcome.message);
}

function cardForm(title: string, returnUrl: string | null = null, message = ""): PageAnswer {
  const back = returnUrl === null ? "" : `<p><a href="${escape(returnUrl)}">Return</a></p>`;
  return shell(
    title,
    `<h1>${title}</h1>
    ${message === "" ? "" : `<p role="alert">${escape(message)}</p>`}
    <form method="post">
      <label>Card number <input name="cardnumber" inputmode="numeric" autocomplete="cc-number" required></label>
      <button type="submit">Save card</button>
    </form>${back}`,
  );
}

function invoicePage(world: World, id: string): PageAnswer {
  const invoice = world.invoices.get(id);
  if (!invoice) return gone();
  const lines = invoice.lines
    .map(({ description, cents }) => `<li>${escape(description)}: ${cents} cents</li>`)
    .join("");
  return shell(
    "Invoice",
    `<h1>Invoice ${escape(invoice.number ?? "")}</h1><ul>${lines}</ul><p>${totalOf(invoice.lines)} cents, ${invoice.status}</p>`,
  );
}

function gone(): PageAnswer {
  return { status: 410, html: "<!doctype html><title>Gone</title><h1>This page has expired.</h1>" };
}

function shell(title: string, body: string): PageAnswer {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><main>${body}</main></html>`;
  return { status: 200, html };
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
