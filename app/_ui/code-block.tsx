"use client";

import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "./button.tsx";
import { classNames } from "./class-names.ts";

const SHOWN_MS = 1_500;

export function CodeBlock({ code, label, className }: { code: string; label?: string; className?: string }) {
  return (
    <div className={classNames("relative rounded-md border bg-sunken/60", className)}>
      <pre
        className="overflow-x-auto p-3 pr-11 font-mono text-[12.5px] leading-relaxed"
        tabIndex={0}
        role="group"
        aria-label={label ?? "Code"}
      >
        <code>{code}</code>
      </pre>
      <CopyButton text={code} className="absolute top-1.5 right-1.5" />
    </div>
  );
}

export function CopyButton({ text, className }: { text: string; className?: string }) {
  const [isCopied, setCopied] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), SHOWN_MS);
    } catch {
      // Browsers refuse the clipboard on plain http and without permission; the text can still be selected.
      toast.error("The browser does not allow copying here. Select the text instead.");
    }
  }
  return (
    <Button
      variant="ghost"
      size="icon"
      aria-label={isCopied ? "Copied" : "Copy"}
      onClick={copy}
      className={classNames("size-7", className)}
    >
      {isCopied ? <Check aria-hidden /> : <Copy aria-hidden />}
    </Button>
  );
}
