"use client";

import { useState } from "react";
import { Dialog } from "#app/_ui/dialog.tsx";
import { formatBytes, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { KeyEntry } from "./key-entry.tsx";
import { shownKey, type NamespaceOf } from "./namespace-of.ts";

type ListedKey = { name: string; metadata: string | null; expiresAtS: number | null; valueBytes: number };

/** Keys in their order; one opens with its value. */
export function KeyTable({ keys, canWrite, ...of }: NamespaceOf & { keys: ListedKey[]; canWrite: boolean }) {
  const [opened, setOpened] = useState<string | null>(null);
  return (
    <>
      <Table label="Keys">
        <TableHead>
          <Row>
            <HeadCell>Key</HeadCell>
            <HeadCell isNumber>Value</HeadCell>
            <HeadCell>Metadata</HeadCell>
            <HeadCell>Expires</HeadCell>
          </Row>
        </TableHead>
        <TableBody>
          {keys.map(({ name, valueBytes, metadata, expiresAtS }) => (
            <Row key={name} className="hover:bg-sunken/50">
              <RowHeader className="max-w-80">
                <button
                  type="button"
                  onClick={() => setOpened(name)}
                  className="block max-w-full truncate font-mono text-[12.5px] text-accent-strong hover:underline"
                >
                  {shownKey(name)}
                </button>
              </RowHeader>
              <Cell isNumber>{formatBytes(BigInt(valueBytes))}</Cell>
              <Cell className="max-w-60 truncate font-mono text-[12.5px] text-muted">{metadata ?? ""}</Cell>
              <Cell className="whitespace-nowrap text-muted">
                {expiresAtS === null ? "Never" : formatMoment(new Date(expiresAtS * 1000))}
              </Cell>
            </Row>
          ))}
        </TableBody>
      </Table>
      <Dialog
        title={opened === null ? "" : shownKey(opened).slice(0, 120)}
        open={opened !== null}
        onOpenChange={(isOpen) => (isOpen ? null : setOpened(null))}
      >
        {opened === null ? null : <KeyEntry {...of} name={opened} canWrite={canWrite} onDone={() => setOpened(null)} />}
      </Dialog>
    </>
  );
}
