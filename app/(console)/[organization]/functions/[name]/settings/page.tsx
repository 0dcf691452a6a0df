import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Section } from "#app/_ui/card.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { BindingsSection } from "./bindings-section.tsx";
import { DeleteFunction } from "./delete-function.tsx";
import { LimitsSection } from "./limits-section.tsx";

export default async function SettingsPage({ params }: { params: Promise<{ organization: string; name: string }> }) {
  const { organization, name } = await params;
  const api = await caller();
  const key = { organizationSlug: organization, name };
  const [{ url, createdAt }, limits, bindings] = await orNotFound(
    Promise.all([api.function.get(key), api.function.limits(key), api.binding.list(key)]),
  );
  return (
    <div className="grid max-w-3xl gap-4">
      <Section title="Address" description={`Created ${formatMoment(createdAt)}`}>
        <CodeBlock label="Call it from a shell" code={`curl ${url}`} />
      </Section>
      <BindingsSection organization={organization} name={name} report={bindings} />
      <LimitsSection organization={organization} name={name} report={limits} />
      <Section
        title="Delete this function"
        description="Its address stops answering at once, and its versions are gone for good. What it used stays on the bill."
      >
        <DeleteFunction organization={organization} name={name} />
      </Section>
    </div>
  );
}
