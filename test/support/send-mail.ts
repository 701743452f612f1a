// Hands one mail to an SMTP server over a connection of its own, with nodemailer's client: somebody
// else's idea of SMTP.

import type { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';

export interface Sending {
  readonly port: number;
  readonly from?: string;
  readonly to?: string | string[];
  /** Complete, headers included. */
  readonly mail: string | Buffer | Readable;
  /** For what a test wants to be different: TLS, AUTH, SMTPUTF8 … */
  readonly connection?: SMTPConnection.Options;
  readonly auth?: SMTPConnection.Credentials;
}

/**
 * Resolves to the answer after the final dot. Fails with nodemailer's error: `responseCode` and
 * `command` say what was refused and where.
 */
export async function sendMail({
  port,
  from = 'sender@example.com',
  to = 'recipient@example.com',
  mail,
  connection = {},
  auth,
}: Sending) {
  const client = new SMTPConnection({ host: '127.0.0.1', port, ignoreTLS: true, ...connection });
  const failed = new Promise<never>((_, reject) => client.on('error', reject));
  const succeeded = async () => {
    await new Promise<void>((connected) => client.connect(() => connected()));
    if (auth)
      await new Promise<void>((done, fail) =>
        client.login({ credentials: auth }, (error) => (error ? fail(error) : done())),
      );
    return new Promise<SMTPConnection.SentMessageInfo>((done, fail) =>
      client.send({ from, to }, mail, (error, info) => (error ? fail(error) : done(info))),
    );
  };
  try {
    return (await Promise.race([succeeded(), failed])).response;
  } finally {
    client.quit();
    client.close();
  }
}
