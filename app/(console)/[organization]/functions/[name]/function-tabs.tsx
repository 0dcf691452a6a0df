"use client";

import { usePathname } from "next/navigation";
import { Tabs } from "#app/_ui/tabs.tsx";

const pages = [
  { label: "Code", path: "" },
  { label: "Logs", path: "/logs" },
  { label: "Versions", path: "/versions" },
  { label: "Metrics", path: "/metrics" },
  { label: "Settings", path: "/settings" },
];

export function FunctionTabs({ base }: { base: string }) {
  const pathname = usePathname();
  const tabs = pages.map(({ label, path }) => ({ label, href: base + path, isCurrent: pathname === base + path }));
  return <Tabs label="Function" tabs={tabs} />;
}
