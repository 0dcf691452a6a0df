import { cron } from "./templates/cron.ts";
import { form } from "./templates/form.ts";
import { hello } from "./templates/hello.ts";
import { jsonApi } from "./templates/json-api.ts";
import { proxy } from "./templates/proxy.ts";
import type { SourceFile } from "./source.ts";

/** Something to begin a function with. The files are text in a module, so that they travel with every kind of build. */
export type Template = { title: string; description: string; files: SourceFile[] };

const templates = { hello, "json-api": jsonApi, form, cron, proxy } satisfies Record<string, Template>;

export type TemplateName = keyof typeof templates;
export const templateNames = ["hello", "json-api", "form", "cron", "proxy"] as const satisfies readonly TemplateName[];

export function templateFiles(name: TemplateName): SourceFile[] {
  return templates[name].files;
}

export function listTemplates(): { name: TemplateName; title: string; description: string }[] {
  return templateNames.map((name) => ({
    name,
    title: templates[name].title,
    description: templates[name].description,
  }));
}
