import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle, warmBundler } from "./bundle.ts";
import { readSource, type Source } from "./source.ts";

let packagesDir: string;
let secretFile: string;

beforeAll(async () => {
  await warmBundler();
  packagesDir = await mkdtemp(join(tmpdir(), "sluice-bundle-"));
  secretFile = join(packagesDir, "..", `secret-${process.pid}.js`);
  await writeFile(secretFile, 'export default "TOP-SECRET";');
  await writePackage(
    "good",
    { main: "index.js" },
    { "index.js": 'const fs = require("fs"); module.exports = { name: "good", fs };' },
  );
  await writePackage("escape", { main: `../../../secret-${process.pid}.js` }, {});
  await writePackage(
    "climber",
    { main: "index.js" },
    { "index.js": `export { default } from "../../../secret-${process.pid}.js";` },
  );
  await writePackage("linked", { main: "index.js" }, {});
  await symlink(secretFile, join(packagesDir, "node_modules/linked/index.js"));
});

afterAll(async () => {
  await rm(packagesDir, { recursive: true, force: true });
  await rm(secretFile, { force: true });
});

async function writePackage(name: string, manifest: object, files: Record<string, string>): Promise<void> {
  const dir = join(packagesDir, "node_modules", name);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "package.json"), JSON.stringify({ name, version: "1.0.0", ...manifest }));
  for (const [path, content] of Object.entries(files)) await writeFile(join(dir, path), content);
}

function source(files: Record<string, string>): Source {
  const reading = readSource(Object.entries(files).map(([path, content]) => ({ path, content })));
  if (reading.kind !== "read") throw new Error(reading.errors[0]?.message);
  return reading.source;
}

function bundleOne(code: string, more: Record<string, string> = {}) {
  return bundle(source({ "src/index.ts": code, ...more }), packagesDir);
}

describe("a bundle", () => {
  test("joins a tenant's files, with or without the ending in the import", async () => {
    const result = await bundleOne(
      'import { a } from "./a.js"; import text from "./b.txt"; import { c } from "./c"; export default { a, text, c };',
      {
        "src/a.ts": "export const a: number = 41;",
        "src/b.txt": "some text",
        "src/c/index.tsx": "export const c = 43;",
      },
    );
    expect(result).toMatchObject({ kind: "bundled" });
    if (result.kind === "bundled") expect(result.code).toMatch(/41[\s\S]*some text[\s\S]*43/);
  });

  test("leaves what the runtime provides, and gives bare builtins their node: name", async () => {
    const result = await bundleOne(
      'import { DurableObject } from "cloudflare:workers"; import { join } from "path"; export default { DurableObject, join };',
    );
    if (result.kind !== "bundled") throw new Error("not bundled");
    expect(result.code).toContain('from "node:path"');
    expect(result.code).toContain('from "cloudflare:workers"');
  });

  test("turns a package's require of a builtin into an import, since a Worker has no require", async () => {
    const result = await bundleOne('import good from "good"; export default good;', {
      "package.json": '{"dependencies":{"good":"1"}}',
    });
    if (result.kind !== "bundled") throw new Error("not bundled");
    expect(result.code).toContain('from "node:fs"');
    expect(result.code).not.toContain("Dynamic require");
  });

  test("names the tenant's own file, line and column of an error, counted from one", async () => {
    const result = await bundleOne('export default {\n  "ü": 1, oops oops\n};');
    expect(result).toEqual({
      kind: "failed",
      errors: [
        {
          message: 'Expected "}" but found "oops"',
          file: "src/index.ts",
          line: 2,
          column: 16,
          lineText: '  "ü": 1, oops oops',
        },
      ],
    });
  });

  test("nested without end fails alone: what others bundle at that moment succeeds", async () => {
    const [hostile, innocent] = await Promise.all([
      bundleOne(`export default ${"(".repeat(3_000_000)}`),
      bundleOne("export default { innocent: true };"),
    ]);
    expect(hostile.kind).toBe("failed");
    expect(innocent.kind).toBe("bundled");
    expect((await bundleOne("export default {};")).kind).toBe("bundled");
  });
});

describe("nothing of this machine can be read", () => {
  const hostile = [
    "/etc/passwd",
    "../../../../../../etc/passwd",
    "../../../package.json",
    "file:///etc/passwd",
    "https://example.com/a.js",
    "data:text/javascript,export default 1",
    "\\\\etc\\passwd",
    "source:../../etc/passwd",
    "package:../../etc/passwd",
    "esbuild",
    "#server/env.ts",
  ];
  test.each(hostile)("by importing %j", async (path) => {
    for (const code of [
      `import x from ${JSON.stringify(path)}; export default x;`,
      `export default await import(${JSON.stringify(path)});`,
      `export default require(${JSON.stringify(path)});`,
    ]) {
      const result = await bundleOne(code);
      expect(result.kind, code).toBe("failed");
      if (result.kind === "failed") expect(result.errors[0]).toMatchObject({ file: "src/index.ts", line: 1 });
    }
  });

  test.each(["escape", "climber", "linked"])("through the package %s", async (name) => {
    const result = await bundleOne(`import x from "${name}"; export default x;`, {
      "package.json": JSON.stringify({ dependencies: { [name]: "1" } }),
    });
    expect(result.kind).toBe("failed");
    expect(JSON.stringify(result)).not.toContain("TOP-SECRET");
  });

  test("through a tsconfig.json that extends another, whose options would show in the bundle", async () => {
    const path = join(packagesDir, "outer.json");
    await writeFile(path, '{"compilerOptions":{"jsx":"react","jsxFactory":"leaked"}}');
    const result = await bundleOne("export default <a/>;", {
      "tsconfig.json": `{ // comments are usual here\n "extends": ${JSON.stringify(path)}, "compilerOptions": { "jsx": "react", "jsxFactory": "mine", } }`,
      "package.json": '{"main":"src/page.tsx"}',
      "src/page.tsx": "export default <a/>;",
    });
    if (result.kind !== "bundled") throw new Error(JSON.stringify(result));
    expect(result.code).toContain("mine(");
    expect(result.code).not.toContain("leaked");
  });

  test("through an import that is only in a package's map", async () => {
    const result = await bundleOne('import "./x.css"; import y from "./y.css"; export default y;', {
      "src/x.css": '@import "/etc/passwd"; a { background: url(file:///etc/passwd) }',
      "src/y.css": "a{}",
    });
    expect(result.kind).toBe("bundled");
    expect(JSON.stringify(result)).not.toContain("root:x");
  });
});
