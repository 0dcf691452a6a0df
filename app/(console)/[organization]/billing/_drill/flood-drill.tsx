import { caller, orForbidden } from "#app/_trpc/caller.ts";
import { Section } from "#app/_ui/card.tsx";
import { DrillCard } from "./drill-card.tsx";

/** A card of the billing page for those who may try their cap; nothing for the others. */
export async function FloodDrill({ organizationSlug }: { organizationSlug: string }) {
  const api = await caller();
  const found = await orForbidden(api.drill.latest({ organizationSlug }).then((latest) => ({ latest })));
  if (!found) return null;
  const functions = await api.function.list({ organizationSlug });
  return (
    <Section
      title="Flood drill"
      description="See a cap hold before you need it: a flood of calls against one of your functions, under a test cap."
    >
      <DrillCard
        organizationSlug={organizationSlug}
        functionNames={functions.flatMap(({ name, deployedAt }) => (deployedAt === null ? [] : [name]))}
        initial={found.latest}
      />
    </Section>
  );
}
