"use client";

import { useMutation } from "@tanstack/react-query";
import { X } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Notice } from "#app/_ui/notice.tsx";

/** A share of the spending cap that was reached, on every page until somebody who may change the cap has dismissed it. */
export function AlertBar({
  organizationSlug,
  alert,
}: {
  organizationSlug: string;
  alert: { share: number; text: string };
}) {
  const router = useRouter();
  const api = useTRPC();
  const dismiss = useMutation(
    api.billing.dismissAlerts.mutationOptions({
      onSuccess: () => router.refresh(),
      onError: (thrown) => toast.error(failureOf(thrown).message),
    }),
  );
  return (
    <div className="mb-5">
      <Notice
        tone={alert.share >= 100 ? "danger" : "warning"}
        action={
          <Button
            variant="ghost"
            size="icon"
            className="-my-1 -mr-1.5 size-7 text-current hover:bg-transparent hover:text-current"
            aria-label="Dismiss"
            disabled={dismiss.isPending}
            onClick={() => dismiss.mutate({ organizationSlug })}
          >
            <X aria-hidden />
          </Button>
        }
      >
        {alert.text}{" "}
        <Link href={`/${organizationSlug}/billing`} className="font-medium underline underline-offset-4">
          Billing
        </Link>
      </Notice>
    </div>
  );
}
