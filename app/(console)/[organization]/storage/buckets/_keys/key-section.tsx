import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { ClientConfigChoice } from "./client-config-choice.tsx";
import { NewKey } from "./new-key.tsx";
import { RevokeKey } from "./revoke-key.tsx";

type Key = {
  id: string;
  name: string;
  accessKeyId: string;
  access: "read" | "write";
  bucketName: string | null;
  createdAt: Date;
};

/** `buckets` null: for those who may look only. */
export function KeySection({
  organization,
  keys,
  endpoint,
  buckets,
}: {
  organization: string;
  keys: readonly Key[];
  endpoint: string | null;
  buckets: readonly string[] | null;
}) {
  return (
    <>
      <Section
        title="Access keys"
        description="What S3 clients sign their requests with. Each reaches this organization's buckets only."
        actions={buckets ? <NewKey organization={organization} buckets={buckets} endpoint={endpoint} /> : null}
        className="p-0"
      >
        {keys.length === 0 ? (
          <p className="px-4 py-5 text-[13px] text-muted">No keys yet.</p>
        ) : (
          <Table label="Access keys">
            <TableHead>
              <Row>
                <HeadCell>Name</HeadCell>
                <HeadCell>Access key id</HeadCell>
                <HeadCell>Reaches</HeadCell>
                <HeadCell>Made</HeadCell>
                {buckets ? <HeadCell aria-label="Actions" /> : null}
              </Row>
            </TableHead>
            <TableBody>
              {keys.map((key) => (
                <Row key={key.id}>
                  <RowHeader>{key.name}</RowHeader>
                  <Cell className="font-mono text-[12.5px]">{key.accessKeyId}</Cell>
                  <Cell className="whitespace-nowrap">
                    <Badge tone={key.access === "write" ? "accent" : "neutral"}>
                      {key.access === "write" ? "read and write" : "read only"}
                    </Badge>{" "}
                    <span className="text-muted">{key.bucketName ?? "all buckets"}</span>
                  </Cell>
                  <Cell className="whitespace-nowrap text-muted">{formatMoment(key.createdAt)}</Cell>
                  {buckets ? (
                    <Cell className="text-right">
                      <RevokeKey organization={organization} id={key.id} name={key.name} />
                    </Cell>
                  ) : null}
                </Row>
              ))}
            </TableBody>
          </Table>
        )}
      </Section>
      <Section title="Connect a client" description={endpoint ? `Endpoint: ${endpoint}` : undefined}>
        {endpoint === null ? (
          <p className="text-[13px] text-muted">
            The S3 door is off on this installation. Its operator turns it on by giving it a port (S3_PORT).
          </p>
        ) : (
          <ClientConfigChoice client={{ endpoint, accessKeyId: "YOUR_ACCESS_KEY_ID", secret: "YOUR_SECRET" }} />
        )}
      </Section>
    </>
  );
}
