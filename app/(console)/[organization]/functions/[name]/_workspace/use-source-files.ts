import { useEffect, useRef, useState } from "react";
import { firstPath, readDraft, sameFiles, writeDraft, type SourceFile } from "./draft.ts";

const DRAFT_DELAY_MS = 300;

export type SourceFiles = {
  files: SourceFile[];
  /** The files with the very last key that was typed, which those on the screen may trail. */
  latest: () => SourceFile[];
  activePath: string;
  /** Moves on when the files were replaced as a whole and not by typing: only then must the editor take them over. */
  generation: number;
  /** Whether the files differ from what was deployed last. */
  isChanged: boolean;
  open: (path: string) => void;
  edit: (path: string, content: string) => void;
  add: (path: string) => void;
  rename: (from: string, to: string) => void;
  remove: (path: string) => void;
  markDeployed: (files: readonly SourceFile[]) => void;
  discard: () => void;
};

/** A function's files as they are being written, with a draft of them kept in this browser until they are deployed. */
export function useSourceFiles(options: {
  organization: string;
  name: string;
  initial: SourceFile[];
  isDeployed: boolean;
}): SourceFiles {
  const { organization, name, initial, isDeployed } = options;
  const [files, setShown] = useState(initial);
  const latest = useRef(initial);
  const setFiles = (change: (now: SourceFile[]) => SourceFile[]) => {
    latest.current = change(latest.current);
    setShown(latest.current);
  };
  const [deployed, setDeployed] = useState<readonly SourceFile[] | null>(isDeployed ? initial : null);
  const [activePath, setActivePath] = useState(() => firstPath(initial));
  const [generation, setGeneration] = useState(0);
  const isChanged = deployed === null || !sameFiles(files, deployed);

  // After the first paint and not in the first state: the server, which renders that too, knows no draft.
  useEffect(() => {
    const draft = readDraft(organization, name);
    if (!draft) return;
    latest.current = draft;
    // oxlint-disable-next-line react/set-state-in-effect -- one more render, once, is the price of a draft in the browser
    setShown(draft);
    setGeneration((now) => now + 1);
    setActivePath(firstPath(draft));
  }, [organization, name]);

  useEffect(() => {
    // What was just opened is no draft; forgetting here would also lose the one that is being read.
    if (files === initial) return undefined;
    const timer = setTimeout(() => writeDraft(organization, name, isChanged ? files : null), DRAFT_DELAY_MS);
    return () => clearTimeout(timer);
  }, [organization, name, files, initial, isChanged]);

  return {
    files,
    latest: () => latest.current,
    activePath: files.some((file) => file.path === activePath) ? activePath : firstPath(files),
    generation,
    isChanged,
    open: setActivePath,
    edit: (path, content) =>
      setFiles((now) => now.map((file) => (file.path === path && file.content !== content ? { path, content } : file))),
    add(path) {
      setFiles((now) => [...now, { path, content: "" }].toSorted(byPath));
      setActivePath(path);
    },
    rename(from, to) {
      setFiles((now) => now.map((file) => (file.path === from ? { ...file, path: to } : file)).toSorted(byPath));
      setActivePath(to);
    },
    remove: (path) => setFiles((now) => now.filter((file) => file.path !== path)),
    markDeployed(sent) {
      setDeployed(sent);
      writeDraft(organization, name, null);
    },
    discard() {
      if (deployed) setFiles(() => [...deployed]);
      setGeneration((now) => now + 1);
      writeDraft(organization, name, null);
    },
  };
}

function byPath(a: SourceFile, b: SourceFile): number {
  return a.path < b.path ? -1 : 1;
}
