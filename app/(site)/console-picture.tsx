import { Logo } from "#app/_ui/logo.tsx";

const alt = "The console: a function in the editor, and the answer of a call with its CPU time and cost";

/** Holds its place whether the picture is there or not, so that nothing jumps while it loads. */
export function ConsolePicture({ hasScreenshots }: { hasScreenshots: boolean }) {
  return (
    <div className="aspect-[16/10] overflow-hidden rounded-xl border border-line-strong bg-surface shadow-xl shadow-black/5 dark:shadow-black/40">
      {hasScreenshots ? (
        <>
          {/* Plain images: they are served from here as they are, and the one that is hidden is not loaded. */}
          <img
            src="/screenshots/console-light.png"
            alt={alt}
            loading="lazy"
            className="size-full object-cover object-left-top dark:hidden"
          />
          <img
            src="/screenshots/console-dark.png"
            alt={alt}
            loading="lazy"
            className="hidden size-full object-cover object-left-top dark:block"
          />
        </>
      ) : (
        <Drawing />
      )}
    </div>
  );
}

const code = [
  ["import", ' { Hono } from "hono"'],
  ["", ""],
  ["const", " app = new Hono()"],
  ["", 'app.get("/", (c) =>'],
  ["", '  c.json({ hello: "world" }))'],
  ["", ""],
  ["export default", " app"],
] as const;

function Drawing() {
  return (
    <div role="img" aria-label={alt} className="flex h-full flex-col text-[9px] sm:text-[12px]">
      <div className="flex items-center gap-2 border-b px-3 py-2 sm:px-4">
        <Logo className="size-4 sm:size-5" />
        <span className="font-medium">acme</span>
        <span className="text-muted">/</span>
        <span className="font-medium">orders</span>
        <span className="ml-auto rounded-full bg-success-soft px-2 py-0.5 text-success">
          Deployed version 3 in 84 ms
        </span>
      </div>
      <div className="grid min-h-0 flex-1 grid-cols-[3fr_2fr]">
        <pre className="overflow-hidden border-r p-3 font-mono leading-relaxed sm:p-4">
          {code.map(([keyword, rest], line) => (
            <div key={line}>
              <span className="mr-3 inline-block w-3 text-right text-muted/60">{line + 1}</span>
              <span className="text-accent">{keyword}</span>
              {rest}
            </div>
          ))}
        </pre>
        <div className="flex flex-col gap-2 bg-background p-3 sm:p-4">
          <div className="rounded-md border bg-surface px-2 py-1 font-mono text-muted">GET /</div>
          <div className="rounded-md border bg-surface p-2 font-mono">
            <span className="text-success">200</span> {'{"hello":"world"}'}
          </div>
          <dl className="mt-auto grid grid-cols-2 gap-2">
            {[
              ["Wall time", "3.1 ms"],
              ["CPU time", "0.42 ms"],
              ["Egress", "214 B"],
              ["Cost", "$0.00000031"],
            ].map(([label, value]) => (
              <div key={label} className="rounded-md border bg-surface px-2 py-1">
                <dt className="text-muted">{label}</dt>
                <dd className="font-medium">{value}</dd>
              </div>
            ))}
          </dl>
        </div>
      </div>
    </div>
  );
}
