import { existsSync } from "node:fs";
import { join } from "node:path";
import { Cpu, ReceiptText, ShieldCheck, Unplug } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { Button } from "#app/_ui/button.tsx";
import { ConsolePicture } from "./console-picture.tsx";

export const metadata: Metadata = { title: { absolute: "Sluice: a serverless console of your own" } };

const claims = [
  {
    icon: ShieldCheck,
    title: "A sandbox of its own",
    text: "Each instance of a function is one process in its own Linux namespaces: no network, a read-only root, two sockets.",
  },
  {
    icon: Cpu,
    title: "The kernel is the meter",
    text: "CPU time is read from the kernel’s clock around every request. What is attributed adds up to what the kernel counted.",
  },
  {
    icon: ReceiptText,
    title: "A bill that adds up",
    text: "Every call is one row of a ledger, counted once whatever crashes. The Free plan stops at its limit, checked every couple of seconds, and never bills.",
  },
  {
    icon: Unplug,
    title: "Stock clients",
    text: "Functions are Workers modules with their standard types. A Worker that needs no binding deploys here unchanged.",
  },
] as const;

export default function LandingPage() {
  return (
    <div className="mx-auto w-full max-w-6xl px-4 pt-8 pb-10 sm:px-6 lg:pt-12">
      <div className="grid items-center gap-8 lg:grid-cols-[minmax(0,6fr)_minmax(0,7fr)] lg:gap-10">
        <div>
          <h1 className="text-3xl leading-[1.12] font-semibold tracking-tight text-balance sm:text-[2.4rem]">
            Serverless functions, on machines that are yours
          </h1>
          <p className="mt-4 max-w-prose text-base text-muted">
            Sluice is a console for many tenants: write a function in the browser, deploy it in under a blink, see what
            each call used and what it cost, on a bill that adds up line by line.
          </p>
          <div className="mt-6 flex flex-wrap gap-2.5">
            <Button asChild variant="primary" size="large">
              <Link href="/sign-up">Create an account</Link>
            </Button>
            <Button asChild size="large">
              <Link href="/pricing">See the prices</Link>
            </Button>
          </div>
        </div>
        <ConsolePicture hasScreenshots={hasScreenshots()} />
      </div>
      <ul className="mt-10 grid gap-x-8 gap-y-6 border-t pt-8 sm:grid-cols-2 lg:grid-cols-4">
        {claims.map(({ icon: Icon, title, text }) => (
          <li key={title}>
            <Icon aria-hidden className="size-5 text-accent" />
            <h2 className="mt-2 text-sm font-semibold">{title}</h2>
            <p className="mt-1 text-[13px] text-muted">{text}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The screenshots are taken by the browser tests; a clone that has none yet shows a drawing instead. */
function hasScreenshots(): boolean {
  return ["light", "dark"].every((theme) =>
    existsSync(join(process.cwd(), "public/screenshots", `console-${theme}.png`)),
  );
}
