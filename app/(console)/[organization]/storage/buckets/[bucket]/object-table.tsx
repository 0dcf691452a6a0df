import { Download, Folder } from "lucide-react";
import Link from "next/link";
import { Button } from "#app/_ui/button.tsx";
import { formatBytes, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { DeleteObject } from "./delete-object.tsx";
import { bucketHref, objectHref } from "./place.ts";

type ListedObject = { key: string; sizeBytes: number; uploadedAt: Date };

export function ObjectTable({
  organization,
  bucket,
  prefix,
  objects,
  folders,
  canWrite,
}: {
  organization: string;
  bucket: string;
  prefix: string;
  objects: readonly ListedObject[];
  folders: readonly string[];
  canWrite: boolean;
}) {
  return (
    <Table label="Objects">
      <TableHead>
        <Row>
          <HeadCell>Name</HeadCell>
          <HeadCell isNumber>Size</HeadCell>
          <HeadCell>Uploaded</HeadCell>
          <HeadCell aria-label="Actions" />
        </Row>
      </TableHead>
      <TableBody>
        {folders.map((folder) => (
          <Row key={folder} className="hover:bg-sunken/50">
            <RowHeader>
              <Link
                href={bucketHref({ organization, bucket }, { prefix: folder })}
                className="inline-flex items-center gap-1.5 text-accent-strong hover:underline"
              >
                <Folder aria-hidden className="size-4 shrink-0" />
                {folder.slice(prefix.length)}
              </Link>
            </RowHeader>
            <Cell isNumber className="text-muted">
              –
            </Cell>
            <Cell className="text-muted">–</Cell>
            <Cell />
          </Row>
        ))}
        {objects.map(({ key, sizeBytes, uploadedAt }) => {
          const name = key.slice(prefix.length) || key;
          return (
            <Row key={key} className="hover:bg-sunken/50">
              <RowHeader className="max-w-96 truncate" title={key}>
                {name}
              </RowHeader>
              <Cell isNumber>{formatBytes(BigInt(sizeBytes))}</Cell>
              <Cell className="whitespace-nowrap text-muted">{formatMoment(uploadedAt)}</Cell>
              <Cell className="text-right whitespace-nowrap">
                <Button asChild variant="ghost" size="icon">
                  <a href={objectHref({ organization, bucket, key })} download aria-label={`Download ${name}`}>
                    <Download aria-hidden />
                  </a>
                </Button>
                {canWrite ? (
                  <DeleteObject organization={organization} bucket={bucket} objectKey={key} name={name} />
                ) : null}
              </Cell>
            </Row>
          );
        })}
      </TableBody>
    </Table>
  );
}
