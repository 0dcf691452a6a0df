import { LogViewer } from "../_logs/log-viewer.tsx";

export default async function LogsPage({ params }: { params: Promise<{ organization: string; name: string }> }) {
  return <LogViewer {...await params} />;
}
