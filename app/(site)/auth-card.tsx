import Link from "next/link";
import type { ReactNode } from "react";
import { Card } from "#app/_ui/card.tsx";

export function AuthCard({
  title,
  description,
  other,
  children,
}: {
  title: string;
  description?: ReactNode;
  other?: { question: string; label: string; href: string };
  children: ReactNode;
}) {
  return (
    <div className="mx-auto w-full max-w-[25rem] px-4 py-8 sm:py-12">
      <Card className="p-5 sm:p-6">
        <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
        {description ? <p className="mt-0.5 text-[13px] text-muted">{description}</p> : null}
        <div className="mt-5">{children}</div>
      </Card>
      {other ? (
        <p className="mt-4 text-center text-[13px] text-muted">
          {other.question}{" "}
          <Link href={other.href} className="font-medium text-accent underline-offset-4 hover:underline">
            {other.label}
          </Link>
        </p>
      ) : null}
    </div>
  );
}
