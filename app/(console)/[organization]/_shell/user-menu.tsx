"use client";

import { LogOut, Wrench } from "lucide-react";
import Link from "next/link";
import { signOut } from "next-auth/react";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "#app/_ui/menu.tsx";

export function UserMenu({ user }: { user: { name: string; email: string; isOperator: boolean } }) {
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label="Account"
          className="grid size-8 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent-strong"
        >
          {initials(user.name)}
        </button>
      }
    >
      <MenuLabel>
        <span className="block truncate text-[13px] font-medium text-text">{user.name}</span>
        <span className="block truncate">{user.email}</span>
      </MenuLabel>
      <MenuSeparator />
      {user.isOperator ? (
        <MenuItem asChild>
          <Link href="/operator">
            <Wrench aria-hidden /> Operator
          </Link>
        </MenuItem>
      ) : null}
      <MenuItem onSelect={() => void signOut({ callbackUrl: "/" })}>
        <LogOut aria-hidden /> Sign out
      </MenuItem>
    </Menu>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/);
  const first = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => Array.from(word ?? "")[0] ?? "");
  return first.join("").toUpperCase();
}
