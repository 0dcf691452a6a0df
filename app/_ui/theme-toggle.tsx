"use client";

import { Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "next-themes";
import { Button } from "./button.tsx";
import { Menu, MenuItem } from "./menu.tsx";

/** Both icons are in the page and CSS picks one: the server does not know the theme. */
export function ThemeToggle() {
  const { setTheme } = useTheme();
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" aria-label="Theme">
          <Sun aria-hidden className="dark:hidden" />
          <Moon aria-hidden className="hidden dark:block" />
        </Button>
      }
    >
      <MenuItem onSelect={() => setTheme("light")}>
        <Sun aria-hidden /> Light
      </MenuItem>
      <MenuItem onSelect={() => setTheme("dark")}>
        <Moon aria-hidden /> Dark
      </MenuItem>
      <MenuItem onSelect={() => setTheme("system")}>
        <Monitor aria-hidden /> As the system
      </MenuItem>
    </Menu>
  );
}
