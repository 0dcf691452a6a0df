import { MetricsView } from "./metrics-view.tsx";

export default async function MetricsPage({ params }: { params: Promise<{ organization: string; name: string }> }) {
  const { organization, name } = await params;
  return <MetricsView organization={organization} name={name} />;
}
