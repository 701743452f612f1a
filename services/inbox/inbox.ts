// The development inbox: a real SMTP server that keeps all mail it is given, for people and tests
// to look at. It never delivers anything.

import type { Logger } from 'pino';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { inboxLimits } from '../core/limits/inbox.ts';
import { smtpOutLimits } from '../core/limits/smtp-out.ts';
import { MailFolder } from './mail-folder.ts';

interface InboxOptions {
  /**
   * Where to listen; port 0 takes a free one. Anybody who can connect can leave mail, so this
   * should be a loopback address.
   */
  readonly smtp: { readonly host: string; readonly port: number };
  /** Where mail is kept, over restarts. Owned by this inbox alone. */
  readonly folder: string;
  readonly log?: Pick<Logger, 'warn'>;
}

export interface Inbox extends AsyncDisposable {
  readonly smtpPort: number;
  readonly mails: MailFolder;
}

/** Listens once it resolves. Fails with the error of listening (EADDRINUSE) or of the folder. */
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
          (id) => answer(null, `2.0.0 kept as ${id}`),
          (error: NodeJS.ErrnoException) => {
            log?.warn({ code: error.code }, 'the inbox could not keep a mail');
            answer(Object.assign(new Error('4.3.0 could not be kept'), { responseCode: 451 }));
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
  // Clients that go away in the middle of a session arrive here; the server itself goes on.
  server.on('error', (error: NodeJS.ErrnoException) =>
    log?.warn({ code: error.code }, 'a connection to the inbox failed'),
  );

  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the inbox listens on no port');
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
 * The library answers 552 to a mail above the size by itself, but hands all of its bytes over: what
 * will be refused is not written down.
 */
async function* withinSize(stream: SMTPServerDataStream): AsyncGenerator<Buffer> {
  for await (const chunk of stream) if (!stream.sizeExceeded) yield chunk;
  if (stream.sizeExceeded) throw Object.assign(new Error('mail above the size limit'), { code: 'EMSGSIZE' });
}
