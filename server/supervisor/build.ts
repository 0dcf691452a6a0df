import { buildConsole, buildEditor, generateClient } from "./prepare.ts";

/** What `npm start` prepares before it starts anything: for tests, and for images that are built once and started often. */
const say = (text: string): void => void process.stderr.write(`sluice: ${text}\n`);
await generateClient(say);
await buildEditor(say);
await buildConsole(say);
