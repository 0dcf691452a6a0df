import { Search } from "lucide-react";
import { Button } from "#app/_ui/button.tsx";
import { Input } from "#app/_ui/input.tsx";

/** A plain form: what was searched for stands in the page's address. */
export function PrefixSearch({ prefix }: { prefix: string }) {
  return (
    <search>
      <form className="flex items-center gap-2">
        <Input
          key={prefix}
          name="prefix"
          aria-label="Keys that begin with"
          placeholder="Begins with…"
          defaultValue={prefix}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          className="max-w-56"
        />
        <Button type="submit" aria-label="Search">
          <Search aria-hidden />
        </Button>
      </form>
    </search>
  );
}
