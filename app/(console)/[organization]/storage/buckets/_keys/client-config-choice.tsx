"use client";

import { useState } from "react";
import { Button } from "#app/_ui/button.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { clientConfigs, clientNames, type ClientKey, type ClientName } from "./client-config.ts";

/** How a client is told of a key: one of them at a time. */
export function ClientConfigChoice({ client }: { client: ClientKey }) {
  const [name, setName] = useState<ClientName>("aws");
  const { label, hint, text } = clientConfigs[name];
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-2">
      <div role="group" aria-label="Client" className="flex flex-wrap gap-1.5">
        {clientNames.map((each) => (
          <Button
            key={each}
            size="small"
            variant={each === name ? "primary" : "secondary"}
            aria-pressed={each === name}
            onClick={() => setName(each)}
          >
            {clientConfigs[each].label}
          </Button>
        ))}
      </div>
      <CodeBlock code={text(client)} label={`Configuration for ${label}`} className="min-w-0" />
      <p className="text-[13px] text-muted">{hint}</p>
    </div>
  );
}
