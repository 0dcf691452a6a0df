import { once } from "node:events";
import { SMTPServer } from "smtp-server";

export type TestSmtp = AsyncDisposable & {
  url: string;
  /** What was taken: whom the envelope names, and the message as it came over the wire. */
  taken: { to: string[]; raw: string }[];
  /** While set, every message is refused with it. */
  refuseWith: string | undefined;
};

/** A mail server on a port of its own that speaks SMTP and keeps what it gets. */
export async function testSmtp(): Promise<TestSmtp> {
  const state: Omit<TestSmtp, typeof Symbol.asyncDispose> = { url: "", taken: [], refuseWith: undefined };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (state.refuseWith !== undefined) return callback(new Error(state.refuseWith));
        state.taken.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
        });
        callback();
      });
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  state.url = `smtp://127.0.0.1:${address.port}`;
  return Object.assign(state, {
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}
