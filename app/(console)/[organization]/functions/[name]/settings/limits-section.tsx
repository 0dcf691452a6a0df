import type { inferRouterOutputs } from "@trpc/server";
import { Section } from "#app/_ui/card.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import type { AppRouter } from "#server/api/root.ts";
import { limitInWords, limitWords } from "#server/contract/limit-words.ts";
import { LimitsForm, type LimitField } from "./limits-form.tsx";

type Report = inferRouterOutputs<AppRouter>["function"]["limits"];
type Row = Report["rows"][number];

/** What a function may use: a form for those who may deploy, a list for the others. */
export function LimitsSection({ organization, name, report }: { organization: string; name: string; report: Report }) {
  const { rows, canChange, plan } = report;
  const differences = servingDifferences(report);
  return (
    <Section
      title="Limits"
      description={
        canChange
          ? "An empty field follows the plan. Saving deploys the source that serves once more, with these limits."
          : "Those who may deploy this function can change them."
      }
    >
      <div className="grid gap-4">
        {differences ? <Notice>{differences}</Notice> : null}
        {canChange ? (
          <LimitsForm organization={organization} name={name} fields={rows.map((row) => fieldOf(row, plan))} />
        ) : (
          <dl className="grid gap-x-8 gap-y-3 text-[13px] sm:grid-cols-2">
            {rows.map((row) => (
              <div key={row.name} className="border-b pb-2">
                <div className="flex justify-between gap-4">
                  <dt className="font-medium">{limitWords[row.name].title}</dt>
                  <dd className="tabular-nums">{limitInWords(row.name, valueOf(row))}</dd>
                </div>
                <dd className="text-muted">{hintOf(row, plan)}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </Section>
  );
}

function valueOf({ wished, fallback }: Row): number {
  return wished ?? fallback;
}

function hintOf({ name, fallback, ceiling }: Row, plan: Report["plan"]): string {
  const title = plan.charAt(0).toUpperCase() + plan.slice(1);
  const [usual, most] = [limitInWords(name, fallback), limitInWords(name, ceiling)];
  return `Default ${usual}, at most ${most} on ${title}. ${limitWords[name].whenReached}`;
}

function fieldOf(row: Row, plan: Report["plan"]): LimitField {
  const { title, unit, per } = limitWords[row.name];
  return {
    name: row.name,
    title,
    unit,
    per,
    text: row.wished === null ? "" : String(row.wished / per),
    placeholder: String(row.fallback / per),
    hint: hintOf(row, plan),
  };
}

/** Says so when what serves has other limits than the settings: after a roll-back, or a change of plan. */
function servingDifferences({ rows, serving }: Report): string | null {
  if (!serving) return null;
  const others = rows.filter((row) => serving.limits[row.name] !== valueOf(row));
  if (others.length === 0) return null;
  const words = others.map(({ name }) => `${limitWords[name].title} ${limitInWords(name, serving.limits[name])}`);
  return `Version ${serving.versionNumber} serves with other limits than these: ${words.join(", ")}. The next deploy takes these.`;
}
