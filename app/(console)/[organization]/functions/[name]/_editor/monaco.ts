import type * as monacoModule from "monaco-editor";

export type Monaco = typeof monacoModule;

/** Built by server/console/build-editor.ts, and served from our own origin: Next has no part in it. */
const BASE = "/monaco";

const WORKER_OF: Record<string, string> = {
  typescript: "ts.worker",
  javascript: "ts.worker",
  json: "json.worker",
  css: "css.worker",
  html: "html.worker",
};

let loading: Promise<Monaco> | undefined;

/** Loads the editor once a page's life; a failed load may be tried again. */
export function loadMonaco(): Promise<Monaco> {
  loading ??= load().catch((thrown: unknown) => {
    loading = undefined;
    throw thrown;
  });
  return loading;
}

async function load(): Promise<Monaco> {
  window.MonacoEnvironment = {
    getWorker: (_, label) => new Worker(`${BASE}/${WORKER_OF[label] ?? "editor.worker"}.js`, { name: label }),
  };
  const address = `${BASE}/monaco.js`;
  const [monaco, workersTypes]: [Monaco, string, void] = await Promise.all([
    import(/* turbopackIgnore: true */ /* webpackIgnore: true */ address),
    fetch(`${BASE}/workers-types.txt`).then((answer) => (answer.ok ? answer.text() : "")),
    loadStyle(`${BASE}/monaco.css`),
  ]);
  configureTypeScript(monaco, workersTypes);
  defineThemes(monaco);
  return monaco;
}

function loadStyle(href: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  link.addEventListener("load", () => resolve());
  link.addEventListener("error", () => reject(new Error("The editor's style did not load")));
  document.head.appendChild(link);
  return promise;
}

/** What the runtime provides beside the Workers types: Node's modules, and text files as strings. */
const AMBIENT = `
declare module "node:*";
declare module "*.txt" { const text: string; export default text; }
declare module "*.html" { const text: string; export default text; }
declare module "*.sql" { const text: string; export default text; }
declare module "*.css" { const text: string; export default text; }
declare module "*.md" { const text: string; export default text; }
declare module "*.svg" { const text: string; export default text; }
declare const process: { env: Record<string, string | undefined>; [name: string]: any };
declare const Buffer: any;
`;

function configureTypeScript(monaco: Monaco, workersTypes: string): void {
  const { typescriptDefaults, javascriptDefaults, ScriptTarget, ModuleKind, ModuleResolutionKind, JsxEmit } =
    monaco.typescript;
  const shared = {
    target: ScriptTarget.ESNext,
    module: ModuleKind.ESNext,
    moduleResolution: ModuleResolutionKind.NodeJs,
    // No DOM: a Worker has none, and its own types say what there is instead.
    lib: ["esnext"],
    jsx: JsxEmit.ReactJSX,
    allowJs: true,
    allowNonTsExtensions: true,
    allowImportingTsExtensions: true,
    allowSyntheticDefaultImports: true,
    esModuleInterop: true,
    isolatedModules: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  typescriptDefaults.setCompilerOptions({ ...shared, strict: true });
  javascriptDefaults.setCompilerOptions({ ...shared, checkJs: false });
  for (const defaults of [typescriptDefaults, javascriptDefaults]) {
    defaults.setEagerModelSync(true);
    // A callback that is handed to a package without types has parameters without types (7006, 7031): no fault of who writes it.
    defaults.setDiagnosticsOptions({ diagnosticCodesToIgnore: [7006, 7031] });
    defaults.addExtraLib(workersTypes, "file:///node_modules/@cloudflare/workers-types/index.d.ts");
    defaults.addExtraLib(AMBIENT, "file:///node_modules/@sluice/ambient.d.ts");
  }
}

function defineThemes(monaco: Monaco): void {
  monaco.editor.defineTheme("sluice-light", {
    base: "vs",
    inherit: true,
    rules: [],
    colors: { "editor.background": "#ffffff" },
  });
  monaco.editor.defineTheme("sluice-dark", {
    base: "vs-dark",
    inherit: true,
    rules: [],
    colors: { "editor.background": "#0f1115" },
  });
}

/** Types of npm packages: those that the install has, or "anything" so that an import is no error. */
export function declarePackages(monaco: Monaco, names: readonly string[]): { dispose(): void } {
  const text = names
    .map((name) => `declare module ${JSON.stringify(name)};\ndeclare module ${JSON.stringify(`${name}/*`)};`)
    .join("\n");
  const { typescriptDefaults, javascriptDefaults } = monaco.typescript;
  const libs = [typescriptDefaults, javascriptDefaults].map((defaults) =>
    defaults.addExtraLib(text, "file:///node_modules/@sluice/packages.d.ts"),
  );
  return { dispose: () => libs.forEach((lib) => lib.dispose()) };
}

const LANGUAGES: Record<string, string> = {
  ts: "typescript",
  tsx: "typescript",
  mts: "typescript",
  cts: "typescript",
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  json: "json",
  css: "css",
  html: "html",
  md: "markdown",
  sql: "sql",
  svg: "xml",
  xml: "xml",
  yaml: "yaml",
  yml: "yaml",
  toml: "ini",
};

export function languageOf(path: string): string {
  return LANGUAGES[path.split(".").at(-1)?.toLowerCase() ?? ""] ?? "plaintext";
}
