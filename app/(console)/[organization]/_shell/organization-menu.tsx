"use client";

import { Check, ChevronsUpDown, Plus } from "lucide-react";
import Link from "next/link";
import { Button } from "#app/_ui/button.tsx";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "#app/_ui/menu.tsx";

export type OrganizationChoice = { slug: string; name: string };

export function OrganizationMenu({
  current,
  organizations,
}: {
  current: OrganizationChoice;
  organizations: OrganizationChoice[];
}) {
  return (
    <Menu
      align="start"
      trigger={
        <Button variant="ghost" className="min-w-0 shrink px-2 text-text" aria-label={`Organization: ${current.name}`}>
          <span className="truncate">{current.name}</span>
          <ChevronsUpDown aria-hidden className="text-muted" />
        </Button>
      }
    >
      <MenuLabel>Your organizations</MenuLabel>
      {organizations.map((each) => (
        <MenuItem key={each.slug} asChild>
          <Link href={`/${each.slug}`}>
            <span className="min-w-0 flex-1 truncate">{each.name}</span>
            {each.slug === current.slug ? <Check aria-label="current" /> : null}
          </Link>
        </MenuItem>
      ))}
      <MenuSeparator />
      <MenuItem asChild>
        <Link href="/new">
          <Plus aria-hidden /> New organization
        </Link>
      </MenuItem>
    </Menu>
  );
}
