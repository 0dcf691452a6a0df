import { Button } from "#app/_ui/button.tsx";
import { Card } from "#app/_ui/card.tsx";
import { Input } from "#app/_ui/input.tsx";

/** A plain form: the page is loaded anew with the organization in its address. */
export function OrganizationSearch({ slug }: { slug: string }) {
  return (
    <Card className="p-4">
      <form className="flex flex-wrap items-end gap-3">
        <div className="grid min-w-0 grow gap-1">
          <label htmlFor="organization" className="text-[13px] font-medium">
            Organization's address
          </label>
          <Input
            id="organization"
            name="organization"
            defaultValue={slug}
            placeholder="acme"
            required
            autoComplete="off"
          />
        </div>
        <Button type="submit">Compare</Button>
      </form>
    </Card>
  );
}
