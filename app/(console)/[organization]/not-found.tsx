import { SearchX } from "lucide-react";
import { EmptyState } from "#app/_ui/empty-state.tsx";

export default function NotFoundHere() {
  return (
    <EmptyState icon={SearchX} title="There is nothing at this address">
      It may have been deleted or renamed. The navigation leads to what is there.
    </EmptyState>
  );
}
