import { Download, KeyRound } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatBytes, formatCount } from "#app/_ui/quantity.ts";
import { DeleteNamespace } from "./_parts/delete-namespace.tsx";
import { ImportKeys } from "./_parts/import-keys.tsx";
import { KeyTable } from "./_parts/key-table.tsx";
import { NewKey } from "./_parts/new-key.tsx";
import { PrefixSearch } from "./_parts/prefix-search.tsx";

export const metadata: Metadata = { title: "Keys" };

type Search = { prefix?: string | string[]; after?: string | string[] };

export default async function NamespacePage({
  params,
  searchParams,
}: {
  params: Promise<{ organization: string; namespace: string }>;
  searchParams: Promise<Search>;
}) {
  const { organization, namespace: namespaceId } = await params;
  const search = await searchParams;
  const [prefix, cursor] = [oneOf(search.prefix), oneOf(search.after)];
  const api = await caller();
  const of = { organizationSlug: organization, namespaceId };
  const [namespace, page] = await orNotFound(
    Promise.all([api.kv.namespace(of), api.kv.keys({ ...of, prefix, cursor })]),
  );
  const { name, keys, bytes, boundTo, canWrite } = namespace;
  const key = { organization, namespaceId };
  return (
    <>
      <Breadcrumbs crumbs={[{ label: "Storage", href: `/${organization}/storage` }]} />
      <PageHeader
        title={name}
        description={`${formatCount(keys)} ${keys === 1 ? "key" : "keys"}, ${formatBytes(BigInt(bytes))}`}
        actions={
          <>
            <Button asChild>
              <a href={`/api/storage/${organization}/keys/${namespaceId}`} download>
                <Download aria-hidden /> Export
              </a>
            </Button>
            {canWrite ? <ImportKeys {...key} /> : null}
            {canWrite ? <NewKey {...key} /> : null}
          </>
        }
      />
      <div className="grid gap-4">
        <Section title="Keys" actions={<PrefixSearch prefix={prefix ?? ""} />} className="p-0">
          {page.keys.length === 0 ? (
            <div className="p-4">
              <EmptyState icon={KeyRound} title={prefix ? "No key begins so" : "No keys yet"}>
                {prefix
                  ? "Search by how a key begins; capitals and small letters differ."
                  : "Add one here, import some, or let a function that is bound to the namespace write them."}
              </EmptyState>
            </div>
          ) : (
            <KeyTable {...key} keys={page.keys} canWrite={canWrite} />
          )}
        </Section>
        <Paging prefix={prefix} isFirst={cursor === undefined} next={page.cursor} />
        <Section
          title="Functions"
          description="Those whose settings name this namespace, each with its own name for it."
        >
          <BoundFunctions organization={organization} boundTo={boundTo} />
        </Section>
        {canWrite ? (
          <Section
            title="Delete this namespace"
            description="Its keys are gone for good, and functions that are bound to it get an error when they use it."
          >
            <DeleteNamespace {...key} name={name} />
          </Section>
        ) : null}
      </div>
    </>
  );
}

/** A search parameter may stand there twice. */
function oneOf(value: string | string[] | undefined): string | undefined {
  const [first] = Array.isArray(value) ? value : [value];
  return first === "" ? undefined : first;
}

function Paging({ prefix, isFirst, next }: { prefix: string | undefined; isFirst: boolean; next: string | null }) {
  if (isFirst && next === null) return null;
  const withPrefix = prefix === undefined ? {} : { prefix };
  return (
    <nav aria-label="Pages of keys" className="flex justify-end gap-2">
      {isFirst ? null : (
        <Button asChild size="small">
          <Link href={{ query: withPrefix }}>First page</Link>
        </Button>
      )}
      {next === null ? null : (
        <Button asChild size="small">
          <Link href={{ query: { ...withPrefix, after: next } }}>Next page</Link>
        </Button>
      )}
    </nav>
  );
}

function BoundFunctions({
  organization,
  boundTo,
}: {
  organization: string;
  boundTo: { functionName: string; bindingName: string }[];
}) {
  if (boundTo.length === 0) {
    return <p className="text-[13px] text-muted">None. Add a binding in the settings of a function.</p>;
  }
  return (
    <ul className="grid gap-1.5 text-[13px]">
      {boundTo.map(({ functionName, bindingName }) => (
        <li key={`${functionName} ${bindingName}`}>
          <Link
            href={`/${organization}/functions/${functionName}/settings`}
            className="text-accent-strong hover:underline"
          >
            {functionName}
          </Link>{" "}
          <code className="break-all text-muted">env.{bindingName}</code>
        </li>
      ))}
    </ul>
  );
}
