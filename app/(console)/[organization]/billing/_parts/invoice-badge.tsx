import { Badge, type Tone } from "#app/_ui/badge.tsx";
import type { Invoice } from "./billing-data.ts";

const looks: Record<Invoice["state"], { tone: Tone; label: string }> = {
  draft: { tone: "neutral", label: "Being closed" },
  held: { tone: "warning", label: "Being checked" },
  open: { tone: "accent", label: "Open" },
  paid: { tone: "success", label: "Paid" },
  void: { tone: "neutral", label: "Void" },
  uncollectible: { tone: "danger", label: "Uncollectible" },
};

export function InvoiceBadge({ state }: { state: Invoice["state"] }) {
  return <Badge tone={looks[state].tone}>{looks[state].label}</Badge>;
}
