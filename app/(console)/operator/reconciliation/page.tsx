import { Scale } from "lucide-react";
import type { Metadata } from "next";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";

export const metadata: Metadata = { title: "Reconciliation" };

export default function ReconciliationPage() {
  return (
    <>
      <PageHeader title="Reconciliation" />
      <EmptyState icon={Scale} title="There is nothing to hold against the ledger">
        No payment provider is connected. With one, its sums stand here beside ours, hour by hour.
      </EmptyState>
    </>
  );
}
