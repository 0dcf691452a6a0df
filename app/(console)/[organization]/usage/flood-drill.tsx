import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";

/** Where one sees for oneself that a cap holds. */
export function FloodDrill() {
  return (
    <Section title="Flood drill" actions={<Button disabled>Start a drill</Button>}>
      <p className="text-[13px] text-muted">
        A flood of calls to one of your own functions under a test cap, which reports how far spending passed it. It is
        not available in this version.
      </p>
    </Section>
  );
}
