import { createTransport } from "nodemailer";

export type Message = { to: string; subject: string; text: string };

/** Whoever hands messages to a mail server. Rejects when the server did not take one; `close` ends its connections. */
export interface Mailer {
  send(message: Message): Promise<void>;
  close(): void;
}

const CONNECT_MS_MAX = 10_000;
const SILENCE_MS_MAX = 30_000;

/** Over SMTP, by an address such as smtps://user:password@mail.example.com. */
export function smtpMailer({ url, from }: { url: string; from: string }): Mailer {
  const transport = createTransport({
    url,
    connectionTimeout: CONNECT_MS_MAX,
    greetingTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    // A message of ours is text: nothing in it may make the mailer read a file or fetch an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ to, subject, text }) {
      await transport.sendMail({ from, to, subject, text });
    },
    close: () => transport.close(),
  };
}
