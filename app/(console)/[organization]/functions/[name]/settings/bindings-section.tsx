import type { inferRouterOutputs } from "@trpc/server";
import { Section } from "#app/_ui/card.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import type { AppRouter } from "#server/api/root.ts";
import { BindingsForm } from "./bindings-form.tsx";

type Report = inferRouterOutputs<AppRouter>["binding"]["list"];
type Binding = Report["wished"][number];

/** What the function finds in its `env`: a form for those who may deploy, a list for the others. */
export function BindingsSection({
  organization,
  name,
  report,
}: {
  organization: string;
  name: string;
  report: Report;
}) {
  const { wished, serving, namespaces, canChange } = report;
  const differs = serving !== null && namesOf(serving.bindings) !== namesOf(wished);
  return (
    <Section title="Bindings" description="What the function finds in its env. Changes apply from the next deploy on.">
      <div className="grid gap-4">
        {differs ? (
          <Notice>
            {`Version ${serving.versionNumber} serves with ${serving.bindings.length === 0 ? "no bindings" : "other bindings"}. The next deploy takes these.`}
          </Notice>
        ) : null}
        {canChange ? (
          <BindingsForm organization={organization} name={name} wished={wished} namespaces={namespaces} />
        ) : (
          <ReadOnly wished={wished} namespaces={namespaces} />
        )}
      </div>
    </Section>
  );
}

function ReadOnly({ wished, namespaces }: Pick<Report, "wished" | "namespaces">) {
  if (wished.length === 0) return <p className="text-[13px] text-muted">None.</p>;
  return (
    <dl className="grid gap-1.5 text-[13px]">
      {wished.map(({ name, namespaceId }) => (
        <div key={name} className="flex flex-wrap gap-x-4">
          <dt className="font-mono break-all">env.{name}</dt>
          <dd className="text-muted">{namespaces.find(({ id }) => id === namespaceId)?.name ?? "deleted"}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Both come in the order of names. */
function namesOf(bindings: readonly Binding[]): string {
  return JSON.stringify(bindings.map(({ name, namespaceId }) => [name, namespaceId]));
}
