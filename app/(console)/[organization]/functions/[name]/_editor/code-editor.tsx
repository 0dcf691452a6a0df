"use client";

import type { editor } from "monaco-editor";
import { useTheme } from "next-themes";
import { useEffect, useRef, useState } from "react";
import type { SourceFile } from "../_workspace/draft.ts";
import { declarePackages, languageOf, loadMonaco, type Monaco } from "./monaco.ts";

/** A place to underline: where a deploy failed. */
export type Complaint = { path: string; line: number; column: number; message: string };

type Props = {
  files: readonly SourceFile[];
  generation: number;
  activePath: string;
  dependencies: readonly string[];
  complaint: Complaint | null;
  readOnly: boolean;
  onEdit: (path: string, content: string) => void;
};

/** The code editor. Where it can't load, a plain text field takes its place: one can always write and deploy. */
export function CodeEditor(props: Props) {
  const [monaco, setMonaco] = useState<Monaco | null>(null);
  const [hasFailed, setHasFailed] = useState(false);
  useEffect(() => {
    loadMonaco().then(setMonaco, () => setHasFailed(true));
  }, []);
  if (monaco) return <MonacoEditor monaco={monaco} {...props} />;
  if (hasFailed) return <PlainEditor {...props} />;
  return <p className="p-4 text-sm text-muted">Loading the editor…</p>;
}

function PlainEditor({ files, activePath, readOnly, onEdit }: Props) {
  return (
    <textarea
      aria-label={`Editor: ${activePath}`}
      className="absolute inset-0 size-full resize-none bg-transparent p-3 font-mono text-sm"
      spellCheck={false}
      readOnly={readOnly}
      value={files.find((file) => file.path === activePath)?.content ?? ""}
      onChange={(event) => onEdit(activePath, event.target.value)}
    />
  );
}

function MonacoEditor(props: Props & { monaco: Monaco }) {
  const { monaco, activePath, dependencies, complaint, readOnly } = props;
  const container = useRef<HTMLDivElement>(null);
  const [instance, setInstance] = useState<editor.IStandaloneCodeEditor | null>(null);
  const { resolvedTheme } = useTheme();
  useModels(props);

  useEffect(() => {
    if (!container.current) return undefined;
    const created = monaco.editor.create(container.current, EDITOR_OPTIONS);
    setInstance(created);
    return () => created.dispose();
  }, [monaco]);

  useEffect(() => {
    monaco.editor.setTheme(resolvedTheme === "dark" ? "sluice-dark" : "sluice-light");
  }, [monaco, resolvedTheme]);

  useEffect(() => {
    instance?.updateOptions({ readOnly, ariaLabel: `Editor: ${activePath}` });
    return showFile(monaco, instance, activePath);
  }, [monaco, instance, activePath, readOnly]);

  useEffect(() => {
    markComplaint(monaco, complaint);
    if (!instance || complaint?.path !== activePath) return;
    instance.revealLineInCenterIfOutsideViewport(complaint.line);
  }, [monaco, instance, complaint, activePath]);

  const packages = dependencies.join("\n");
  useEffect(() => {
    const declared = declarePackages(monaco, packages === "" ? [] : packages.split("\n"));
    return () => declared.dispose();
  }, [monaco, packages]);

  return <div ref={container} className="absolute inset-0" />;
}

const EDITOR_OPTIONS = {
  model: null,
  automaticLayout: true,
  minimap: { enabled: false },
  fontSize: 13,
  lineHeight: 20,
  tabSize: 2,
  scrollBeyondLastLine: false,
  padding: { top: 10, bottom: 10 },
  renderLineHighlight: "line",
  overviewRulerLanes: 0,
  fixedOverflowWidgets: true,
  lineNumbersMinChars: 3,
  stickyScroll: { enabled: false },
} satisfies editor.IStandaloneEditorConstructionOptions;

/** One model a file, so that an import between two files resolves and errors show in each. */
function useModels({ monaco, files, generation, onEdit }: Props & { monaco: Monaco }): void {
  const latestOnEdit = useRef(onEdit);
  const shownGeneration = useRef(generation);
  useEffect(() => {
    latestOnEdit.current = onEdit;
  });

  useEffect(() => {
    const kept = new Set(files.map((file) => uriOf(monaco, file.path).toString()));
    for (const model of monaco.editor.getModels()) {
      if (!kept.has(model.uri.toString())) model.dispose();
    }
    // While one types, the state trails the model by some keys; writing it back would swallow them.
    const isReplaced = shownGeneration.current !== generation;
    shownGeneration.current = generation;
    for (const { path, content } of files) {
      const uri = uriOf(monaco, path);
      const model = monaco.editor.getModel(uri);
      if (!model) {
        const created = monaco.editor.createModel(content, languageOf(path), uri);
        created.onDidChangeContent(() => latestOnEdit.current(path, created.getValue()));
      } else if (isReplaced && model.getValue() !== content) {
        model.setValue(content);
      }
    }
  }, [monaco, files, generation]);

  useEffect(() => () => monaco.editor.getModels().forEach((model) => model.dispose()), [monaco]);
}

const viewStates = new Map<string, editor.ICodeEditorViewState | null>();

/** Shows a file where it was left; returns what remembers that place. */
function showFile(monaco: Monaco, instance: editor.IStandaloneCodeEditor | null, path: string): () => void {
  const model = monaco.editor.getModel(uriOf(monaco, path));
  if (!instance || !model) return () => undefined;
  instance.setModel(model);
  const viewState = viewStates.get(path);
  if (viewState) instance.restoreViewState(viewState);
  return () => {
    viewStates.set(path, instance.saveViewState());
  };
}

function markComplaint(monaco: Monaco, complaint: Complaint | null): void {
  for (const model of monaco.editor.getModels()) {
    const isHere = complaint !== null && model.uri.toString() === uriOf(monaco, complaint.path).toString();
    const markers = isHere
      ? [
          {
            severity: monaco.MarkerSeverity.Error,
            message: complaint.message,
            startLineNumber: complaint.line,
            startColumn: complaint.column,
            endLineNumber: complaint.line,
            endColumn: Math.max(
              complaint.column + 1,
              model.getLineMaxColumn(Math.min(complaint.line, model.getLineCount())),
            ),
          },
        ]
      : [];
    monaco.editor.setModelMarkers(model, "deploy", markers);
  }
}

function uriOf(monaco: Monaco, path: string) {
  return monaco.Uri.from({ scheme: "file", path: `/${path}` });
}
