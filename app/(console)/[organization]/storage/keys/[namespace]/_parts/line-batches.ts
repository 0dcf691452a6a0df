export type LineBatch = { text: string; firstLine: number; lines: number };

/** Of one request: far below what the console takes, so that a file of any length goes up step by step. */
const LINES_MAX = 1_000;
const CHARACTERS_MAX = 4 * 1024 * 1024;

/** The lines of a text that comes in pieces, some at a time. A line longer than a batch's bound goes alone. */
export async function* lineBatches(pieces: AsyncIterable<string>): AsyncGenerator<LineBatch> {
  let waiting: string[] = [];
  let characters = 0;
  let firstLine = 1;
  const take = (): LineBatch => {
    const batch = { text: waiting.join("\n"), firstLine, lines: waiting.length };
    firstLine += waiting.length;
    [waiting, characters] = [[], 0];
    return batch;
  };
  for await (const line of linesOf(pieces)) {
    if (waiting.length > 0 && characters + line.length > CHARACTERS_MAX) yield take();
    waiting.push(line);
    characters += line.length;
    if (waiting.length >= LINES_MAX) yield take();
  }
  if (waiting.length > 0) yield take();
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest: string[] = [];
  for await (const piece of pieces) {
    const [first = "", ...others] = piece.split("\n");
    rest.push(first);
    for (const line of others) {
      yield rest.join("");
      rest = [line];
    }
  }
  const last = rest.join("");
  if (last !== "") yield last;
}
