import { LogViewer } from "../_logs/log-viewer.tsx";

export default async function LogsPage(props: {
  params: Promise<{ organization: string; name: string }>;
  searchParams: Promise<{ request?: string | string[] }>;
}) {
  const { organization, name } = await props.params;
  const { request } = await props.searchParams;
  return (
    <LogViewer
      key={String(request)}
      organization={organization}
      name={name}
      requestId={typeof request === "string" ? request : null}
    />
  );
}
