import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Workspace } from "./_workspace/workspace.tsx";

/** What a function without a version opens with, when this browser has no draft of it either. */
const EMPTY = [
  {
    path: "src/index.ts",
    content:
      'export default {\n  async fetch(request): Promise<Response> {\n    return new Response("Hello!\\n");\n  },\n} satisfies ExportedHandler;\n',
  },
];

export default async function CodePage({ params }: { params: Promise<{ organization: string; name: string }> }) {
  const { organization, name } = await params;
  const api = await caller();
  const source = await orNotFound(api.function.source({ organizationSlug: organization, name }));
  return (
    <Workspace
      key={`${organization}/${name}`}
      organization={organization}
      name={name}
      files={source?.files ?? EMPTY}
      versionNumber={source?.number ?? null}
    />
  );
}
