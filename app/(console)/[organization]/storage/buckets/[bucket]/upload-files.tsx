"use client";

import { Upload } from "lucide-react";
import { useRouter } from "next/navigation";
import { useRef, useState } from "react";
import { toast } from "sonner";
import { Button } from "#app/_ui/button.tsx";
import { objectHref } from "./place.ts";

type Place = { organization: string; bucket: string };

/** Uploads files one after the other, under the prefix that is shown. What failed is named; the others are there. */
export function UploadFiles({ prefix, ...place }: Place & { prefix: string }) {
  const router = useRouter();
  const input = useRef<HTMLInputElement>(null);
  const [progress, setProgress] = useState("");

  async function upload(files: File[]) {
    let stored = 0;
    for (const [at, file] of files.entries()) {
      setProgress(files.length === 1 ? `Uploading ${file.name}…` : `Uploading ${at + 1} of ${files.length}…`);
      const problem = await send({ ...place, key: `${prefix}${file.name}` }, file);
      if (problem === null) stored += 1;
      else toast.error(`${file.name}: ${problem}`);
    }
    setProgress("");
    if (stored > 0) toast.success(stored === 1 ? "1 file is uploaded" : `${stored} files are uploaded`);
    router.refresh();
  }

  return (
    <>
      <span role="status" className="text-[13px] text-muted">
        {progress}
      </span>
      <input
        ref={input}
        type="file"
        multiple
        aria-label="Files to upload"
        className="hidden"
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = "";
          void upload(files);
        }}
      />
      <Button variant="primary" isBusy={progress !== ""} onClick={() => input.current?.click()}>
        <Upload aria-hidden /> Upload files
      </Button>
    </>
  );
}

/** What went wrong, in words; null when the file is stored. */
async function send(to: Place & { key: string }, file: File): Promise<string | null> {
  try {
    const answer = await fetch(objectHref(to), { method: "PUT", body: file });
    return answer.ok ? null : (await answer.text()).trim();
  } catch {
    return "The upload broke off. Check your connection and try again.";
  }
}
