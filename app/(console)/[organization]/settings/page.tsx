import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { CopyButton } from "#app/_ui/code-block.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatDay } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { RenameForm } from "./rename-form.tsx";

export const metadata: Metadata = { title: "Settings" };

export default async function SettingsPage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const organization = await orNotFound(api.organization.get({ organizationSlug }));
  const members = await orNotFound(api.organization.members({ organizationSlug }));
  const { addresses, canRename } = organization;
  return (
    <>
      <PageHeader title="Settings" />
      <div className="grid gap-5">
        <Section title="Organization">
          <RenameForm organizationSlug={organizationSlug} name={organization.name} canRename={canRename} />
        </Section>
        <Section title="Addresses" description="Made of the organization's first name; they stay when it is renamed.">
          <dl className="grid gap-3 text-[13px]">
            <Address label="Console" address={addresses.console} />
            <Address label="Functions" address={addresses.functions} />
          </dl>
        </Section>
        <Section title="Members" className="p-0">
          <Table label="Members">
            <TableHead>
              <Row>
                <HeadCell>Name</HeadCell>
                <HeadCell>Email</HeadCell>
                <HeadCell>Role</HeadCell>
                <HeadCell isNumber>Since</HeadCell>
              </Row>
            </TableHead>
            <TableBody>
              {members.map((member) => (
                <Row key={member.userId}>
                  <RowHeader>{member.name}</RowHeader>
                  <Cell className="text-muted">{member.email}</Cell>
                  <Cell>
                    <Badge tone={member.role === "owner" ? "accent" : "neutral"}>{member.role}</Badge>
                  </Cell>
                  <Cell isNumber className="text-muted">
                    {formatDay(member.since)} {member.since.getUTCFullYear()}
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
          <p className="border-t px-4 py-3 text-[13px] text-muted">Invitations arrive in a later release.</p>
        </Section>
      </div>
    </>
  );
}

function Address({ label, address }: { label: string; address: string }) {
  return (
    <div className="grid gap-x-4 sm:grid-cols-[8rem_1fr]">
      <dt className="text-muted sm:py-1">{label}</dt>
      <dd className="flex min-w-0 items-center gap-1">
        <code className="min-w-0 font-mono text-[12.5px] break-all">{address}</code>
        <CopyButton text={address} />
      </dd>
    </div>
  );
}
