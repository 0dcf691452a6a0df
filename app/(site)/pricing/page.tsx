import { Check } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { caller } from "#app/_trpc/caller.ts";
import { Button } from "#app/_ui/button.tsx";
import { meters } from "#app/_ui/meters.ts";
import { formatDay } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

export const metadata: Metadata = {
  title: "Pricing",
  description: "What is included, and what each unit beyond it costs.",
};

const manners = {
  stops: ["No card, and never a bill", "At a limit functions stop answering and say why, until the next month"],
  billed: [
    "Usage beyond what is included is billed at the prices below",
    "A spending cap of your own: the worst case of a call is reserved before it starts, so it is never passed",
  ],
} as const;

export default async function PricingPage() {
  const api = await caller();
  const { plans, effectiveAt } = await api.plan.list();
  const priced = plans.at(-1);
  return (
    <div className="mx-auto w-full max-w-4xl px-4 pt-8 pb-12 sm:px-6">
      <h1 className="text-3xl font-semibold tracking-tight">Pricing</h1>
      <p className="mt-2 max-w-prose text-muted">
        Pay for what was computed. Quantities are whole numbers from the ledger; amounts are rounded once, on the
        invoice line.
      </p>
      <div className="mt-8 grid gap-4 sm:grid-cols-2">
        {plans.map((plan) => (
          <section
            key={plan.name}
            aria-labelledby={`plan-${plan.name}`}
            className="flex flex-col rounded-lg border bg-surface p-5"
          >
            <h2 id={`plan-${plan.name}`} className="text-base font-semibold">
              {plan.title}
            </h2>
            <p className="mt-1">
              <span className="text-3xl font-semibold tracking-tight">{plan.monthlyFee}</span>{" "}
              <span className="text-muted">a month</span>
            </p>
            <ul className="mt-4 mb-5 grid gap-2 text-sm">
              {plan.meters.map(({ meter, included }) => (
                <Point key={meter}>
                  <strong className="font-semibold">{meters[meter].format(included)}</strong> {inWords[meter]}
                </Point>
              ))}
              {manners[plan.overage].map((text) => (
                <Point key={text}>{text}</Point>
              ))}
            </ul>
            <Button asChild variant={plan.name === "free" ? "primary" : "secondary"} className="mt-auto">
              <Link href="/sign-up">
                {plan.name === "free" ? `Start on ${plan.title}` : "Start, and change at any time"}
              </Link>
            </Button>
          </section>
        ))}
      </div>
      {priced ? (
        <section aria-labelledby="beyond" className="mt-8">
          <h2 id="beyond" className="text-base font-semibold">
            Beyond what is included
          </h2>
          <div className="mt-3 rounded-lg border bg-surface">
            <Table label="Prices beyond what is included">
              <TableHead>
                <Row>
                  <HeadCell>Meter</HeadCell>
                  <HeadCell isNumber>Price on {priced.title}</HeadCell>
                </Row>
              </TableHead>
              <TableBody>
                {priced.meters.map(({ meter, price }) => (
                  <Row key={meter}>
                    <RowHeader>{meters[meter].title}</RowHeader>
                    <Cell isNumber>
                      {price} <span className="text-muted">{meters[meter].pricedPer}</span>
                    </Cell>
                  </Row>
                ))}
              </TableBody>
            </Table>
          </div>
          <p className="mt-2 text-[13px] text-muted">
            US dollars; in force since {formatDay(effectiveAt)} {effectiveAt.getUTCFullYear()}. What the platform itself
            causes, such as its own errors and starts that it chose, is never charged.
          </p>
        </section>
      ) : null}
    </div>
  );
}

const inWords = { requests: "requests", cpu: "of CPU time", egress: "of egress", storage: "stored" } as const;

function Point({ children }: { children: ReactNode }) {
  return (
    <li className="flex items-start gap-2">
      <Check aria-hidden className="mt-0.5 size-4 shrink-0 text-accent" />
      <span>{children}</span>
    </li>
  );
}
