import { formatCents } from "#server/std/money.ts";

type Spoken = { share: number; capCents: bigint; spentCents: bigint };

/** One sentence on what was reached: for the bar, the list and the mail's subject. */
export function alertSentence({ share, capCents, spentCents }: Spoken): string {
  if (capCents === 0n) {
    return share >= 100
      ? "What the plan includes of a meter is used up for this month."
      : `${share} % of what the plan includes of a meter is used.`;
  }
  return share >= 100
    ? `The spending cap of ${formatCents(capCents)} is reached.`
    : `${share} % of the spending cap of ${formatCents(capCents)} is reached: ${formatCents(spentCents)} is spent.`;
}

/** What follows from it, and what one can do. */
export function alertConsequence({ share, capCents }: Spoken): string {
  const end = "until the next month begins (UTC)";
  if (share >= 100) {
    return capCents === 0n
      ? `Functions answer 402 ${end}, or until the plan is changed. Pages, exports and settings go on working.`
      : `Functions answer 402 ${end}, or until the cap is raised. Pages, exports and settings go on working.`;
  }
  return "At 100 % functions answer 402; nothing is spent beyond it.";
}

export function alertMail(alert: Spoken & { organizationName: string; billingUrl: string; now: Date }): {
  subject: string;
  text: string;
} {
  const { organizationName, billingUrl, now, share } = alert;
  const month = now.toLocaleDateString("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
  return {
    subject: `${organizationName}: ${share} % ${alert.capCents === 0n ? "of what is included is used" : "of the spending cap is spent"}`,
    text: [
      `${organizationName}, ${month}`,
      "",
      alertSentence(alert),
      alertConsequence(alert),
      "",
      `See and change it: ${billingUrl}`,
      "",
      "You get this because your role there lets you read the bill. The shares at which it is sent are set on that page.",
      "",
    ].join("\n"),
  };
}
