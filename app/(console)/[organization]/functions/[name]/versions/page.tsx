import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { formatBytes, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { RollBackButton } from "./roll-back-button.tsx";

export default async function VersionsPage({ params }: { params: Promise<{ organization: string; name: string }> }) {
  const { organization, name } = await params;
  const api = await caller();
  const versions = await orNotFound(api.function.versions({ organizationSlug: organization, name }));
  return (
    <Section
      title="Versions"
      description="Each deploy of changed code is a version and stays as it is. Rolling back makes an old one serve again, at once."
      className="p-0"
    >
      {versions.length === 0 ? (
        <p className="px-4 py-8 text-center text-[13px] text-muted">
          No version yet. Deploy the function on its Code tab.
        </p>
      ) : (
        <Table label="Versions">
          <TableHead>
            <Row>
              <HeadCell>Version</HeadCell>
              <HeadCell>Made</HeadCell>
              <HeadCell>By</HeadCell>
              <HeadCell isNumber>Bundle</HeadCell>
              <HeadCell>
                <span className="sr-only">Actions</span>
              </HeadCell>
            </Row>
          </TableHead>
          <TableBody>
            {versions.map((version) => (
              <Row key={version.id}>
                <RowHeader>
                  {version.number}
                  {version.isActive ? (
                    <Badge tone="success" className="ml-2">
                      Active
                    </Badge>
                  ) : null}
                </RowHeader>
                <Cell className="whitespace-nowrap">{formatMoment(version.createdAt)}</Cell>
                <Cell>{version.createdByName ?? "a former member"}</Cell>
                <Cell isNumber>{formatBytes(BigInt(version.bundleBytes))}</Cell>
                <Cell className="py-1.5 text-right">
                  {version.isActive ? null : (
                    <RollBackButton organization={organization} name={name} number={version.number} />
                  )}
                </Cell>
              </Row>
            ))}
          </TableBody>
        </Table>
      )}
    </Section>
  );
}
