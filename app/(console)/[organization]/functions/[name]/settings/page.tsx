import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Section } from "#app/_ui/card.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { formatBytes, formatMoment } from "#app/_ui/quantity.ts";
import { DeleteFunction } from "./delete-function.tsx";

export default async function SettingsPage({ params }: { params: Promise<{ organization: string; name: string }> }) {
  const { organization, name } = await params;
  const api = await caller();
  const { url, limits, createdAt } = await orNotFound(api.function.get({ organizationSlug: organization, name }));
  const rows = [
    ["CPU time of a request", `${limits.cpuMsMax / 1000} s`],
    ["Wall time of a request", `${limits.wallMsMax / 1000} s`],
    ["Memory of an instance", `${limits.memoryMbMax} MB`],
    ["Body of a request", formatBytes(BigInt(limits.requestBodyBytesMax))],
    ["Requests at once in an instance", limits.concurrencyPerInstanceMax],
    ["Instances at once", limits.instancesMax],
  ] as const;
  return (
    <div className="grid max-w-3xl gap-4">
      <Section title="Address" description={`Created ${formatMoment(createdAt)}`}>
        <CodeBlock label="Call it from a shell" code={`curl ${url}`} />
      </Section>
      <Section title="Limits" description="A request that reaches one is ended, and says so.">
        <dl className="grid gap-x-8 text-[13px] sm:grid-cols-2">
          {rows.map(([label, value]) => (
            <div key={label} className="flex justify-between gap-4 border-b py-1.5">
              <dt className="text-muted">{label}</dt>
              <dd className="tabular-nums">{value}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section
        title="Delete this function"
        description="Its address stops answering at once, and its versions are gone for good. What it used stays on the bill."
      >
        <DeleteFunction organization={organization} name={name} />
      </Section>
    </div>
  );
}
