import { ExternalLink } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { CopyButton } from "#app/_ui/code-block.tsx";
import { FunctionTabs } from "./function-tabs.tsx";

type Params = { params: Promise<{ organization: string; name: string }> };

export async function generateMetadata({ params }: Params): Promise<Metadata> {
  return { title: (await params).name };
}

export default async function FunctionLayout({ params, children }: Params & { children: ReactNode }) {
  const { organization, name } = await params;
  const api = await caller();
  const { url } = await orNotFound(api.function.get({ organizationSlug: organization, name }));
  return (
    <>
      <header className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <div className="flex min-w-0 items-baseline gap-2 text-xl tracking-tight">
          <Link href={`/${organization}/functions`} className="text-muted hover:text-text">
            <span className="sr-only">All </span>Functions
          </Link>
          <span aria-hidden className="text-muted">
            /
          </span>
          <h1 className="min-w-0 font-semibold break-words">{name}</h1>
        </div>
        <div className="flex max-w-full min-w-0 items-center gap-1">
          <a
            href={url}
            target="_blank"
            rel="noreferrer"
            className="min-w-0 truncate font-mono text-[12.5px] text-accent-strong hover:underline"
          >
            {url}
          </a>
          <ExternalLink aria-hidden className="size-3.5 shrink-0 text-muted" />
          <CopyButton text={url} />
        </div>
      </header>
      <FunctionTabs base={`/${organization}/functions/${name}`} />
      <div className="pt-4">{children}</div>
    </>
  );
}
