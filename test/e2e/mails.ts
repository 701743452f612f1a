// The mail that arrived, read by two parsers of other projects: `mailparser` and Python's `email`.

import { domainToASCII } from 'node:url';
import { type AddressObject, type Attachment, type ParsedMail, simpleParser } from 'mailparser';
import { type PythonMail, type ReadMailbox, readWithPython } from '../support/python-email.ts';
import type { ReceivedMail, Sink } from '../support/smtp-sink.ts';

/** The results of both parsers in one form. */
export interface Reading {
  readonly subject: string;
  readonly from: readonly ReadMailbox[];
  readonly to: readonly ReadMailbox[];
  readonly cc: readonly ReadMailbox[];
  readonly replyTo: readonly ReadMailbox[];
  readonly messageId: string;
  readonly date: number;
  /** Line ends as LF, without those at the end: the wire's are CRLF. */
  readonly html: string | null;
  readonly text: string | null;
  readonly attachments: readonly {
    readonly filename: string | null;
    readonly contentType: string;
    readonly contentId: string | null;
    readonly disposition: string;
    /** Base 64. */
    readonly content: string;
  }[];
}

/** The mails that the sink accepted for this address, in order. */
export const mailsTo = (sink: Sink, address: string): readonly ReceivedMail[] =>
  sink.mails.filter(({ to }) => to.includes(address));

export async function untilMailTo(sink: Sink, address: string, copies = 1): Promise<ReceivedMail> {
  await sink.until(() => mailsTo(sink, address).length >= copies);
  const mail = mailsTo(sink, address)[copies - 1];
  if (mail === undefined) throw new Error('the mail went away');
  return mail;
}

export function bytesOf(mail: ReceivedMail): Buffer {
  if (mail.raw === null) throw new Error('the sink did not keep the bytes');
  return mail.raw;
}

export async function readByMailparser(mail: ReceivedMail): Promise<Reading> {
  const parsed = await simpleParser(bytesOf(mail), {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
    skipTextLinks: true,
  });
  return {
    subject: parsed.subject ?? '',
    from: mailboxes(parsed.from),
    to: mailboxes(parsed.to),
    cc: mailboxes(parsed.cc),
    replyTo: mailboxes(parsed.replyTo),
    messageId: parsed.messageId ?? '',
    date: parsed.date?.getTime() ?? Number.NaN,
    html: typeof parsed.html === 'string' ? textOf(parsed.html) : null,
    text: parsed.text === undefined ? null : textOf(parsed.text),
    attachments: parsed.attachments.map(attachmentOf),
  };
}

export async function readByPython(
  mail: ReceivedMail,
): Promise<Reading & Pick<PythonMail, 'defects' | 'headers'>> {
  const [read] = await readWithPython([bytesOf(mail)]);
  if (read === undefined) throw new Error('Python read nothing');
  return {
    subject: read.subject,
    from: read.from,
    to: read.to,
    cc: read.cc,
    replyTo: read.replyTo,
    messageId: only(read.messageIds),
    date: only(read.dates),
    html: read.html === null ? null : textOf(read.html),
    text: read.text === null ? null : textOf(read.text),
    attachments: read.attachments.map((file) => ({
      ...file,
      contentId: file.contentId === null ? null : file.contentId.slice(1, -1),
    })),
    defects: read.defects,
    headers: read.headers,
  };
}

/** For comparing what was sent with what was read. */
export const textOf = (text: string): string => text.replaceAll('\r\n', '\n').replace(/\n+$/, '');

function only<T>(found: readonly T[]): T {
  const [first] = found;
  if (found.length !== 1 || first === undefined) throw new Error(`found ${found.length} where one is wanted`);
  return first;
}

const mailboxes = (parsed: ParsedMail['to']): ReadMailbox[] =>
  [parsed]
    .flat()
    .flatMap((header: AddressObject | undefined) => header?.value ?? [])
    .map(({ name, address }): ReadMailbox => [name ?? '', withAsciiDomain(address ?? '')]);

/** mailparser shows international domains as people read them. */
function withAsciiDomain(address: string): string {
  const at = address.lastIndexOf('@') + 1;
  return address.slice(0, at) + domainToASCII(address.slice(at));
}

const attachmentOf = ({
  filename,
  contentType,
  cid,
  contentDisposition = '',
  content,
}: Attachment): Reading['attachments'][number] => ({
  filename: filename ?? null,
  contentType,
  contentId: cid ?? null,
  disposition: contentDisposition,
  content: content.toString('base64'),
});
