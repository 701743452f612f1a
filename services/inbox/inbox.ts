// The development inbox: an SMTP server that keeps all mail for people and tests to look at, and
// delivers none.

import type { Logger } from 'pino';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { inboxLimits } from '../core/limits/inbox.ts';
import { smtpOutLimits } from '../core/limits/smtp-out.ts';
import { MailFolder } from './mail-folder.ts';

interface InboxOptions {
  /**
   * The address to listen on; port 0 selects a free port. Use a loopback address, because everybody
   * who can connect can send mail to the inbox.
   */
  readonly smtp: { readonly host: string; readonly port: number };
  /** The folder of the mail, which survives restarts. No other process may use it. */
  readonly folder: string;
  readonly log?: Pick<Logger, 'warn'>;
}

export interface Inbox extends AsyncDisposable {
  readonly smtpPort: number;
  readonly mails: MailFolder;
}

/**
 * Starts the inbox; it listens when the promise resolves. Rejects with the error of listening
 * (EADDRINUSE) or of the folder.
 */
export async function startInbox({ smtp, folder, log }: InboxOptions): Promise<Inbox> {
  const mails = await MailFolder.open(folder);
  const receiving = new Set<Promise<void>>();

  const server = new SMTPServer({
    name: 'localhost',
    banner: 'Packetboat development inbox',
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: inboxLimits.inboxMailBytesMax,
    socketTimeout: smtpOutLimits.smtpSocketMs,
    maxClients: inboxLimits.inboxConnectionsMax,
    closeTimeout: inboxLimits.inboxCloseMs,
    onData(stream, session, answer) {
      const received = receive(mails, stream, session)
        .then(
          (id) => answer(null, `2.0.0 stored as ${id}`),
          (error: NodeJS.ErrnoException) => {
            log?.warn({ code: error.code }, 'the inbox could not store a mail');
            answer(Object.assign(new Error('4.3.0 the mail could not be stored'), { responseCode: 451 }));
          },
        )
        .finally(() => receiving.delete(received));
      receiving.add(received);
    },
  });

  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(smtp.port, smtp.host, listening);
  });
  // Clients that disconnect in the middle of a session cause this event; the server continues.
  server.on('error', (error: NodeJS.ErrnoException) =>
    log?.warn({ code: error.code }, 'a connection to the inbox failed'),
  );

  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the inbox has no TCP port');
  return {
    smtpPort: address.port,
    mails,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((closed) => server.close(closed));
      await Promise.all(receiving);
    },
  };
}

async function receive(
  mails: MailFolder,
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
): Promise<string> {
  const { mailFrom, rcptTo } = session.envelope;
  const mail = await mails.receive(withinSize(stream), {
    mail_from: mailFrom === false ? '' : mailFrom.address,
    rcpt_to: rcptTo.map((recipient) => recipient.address),
  });
  return mail.id;
}

/**
 * For a mail above the size limit the library replies 552, but still passes on all bytes. Those are
 * not written to disk.
 */
async function* withinSize(stream: SMTPServerDataStream): AsyncGenerator<Buffer> {
  for await (const chunk of stream) if (!stream.sizeExceeded) yield chunk;
  if (stream.sizeExceeded) throw Object.assign(new Error('mail above the size limit'), { code: 'EMSGSIZE' });
}
