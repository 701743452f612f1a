// What a mail says, read by mailparser when somebody looks at it. Whole mails are held in memory
// here, one view at a time; receiving never does.

import type { Readable } from 'node:stream';
import { type HeaderValue, type ParsedMail, simpleParser } from 'mailparser';

interface ReadMail {
  /** The HTML as sent, with its `cid:` links; null when there is none. */
  readonly html: string | null;
  readonly text: string | null;
  /** By lower-case name, in order; each value unfolded and decoded. The source has them as sent. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly attachments: readonly ReadAttachment[];
}

export interface ReadAttachment {
  readonly filename: string | null;
  readonly contentType: string;
  /** Without angle brackets, as a `cid:` link names it. */
  readonly contentId: string | null;
  readonly content: Buffer;
}

const AS_SENT = { skipHtmlToText: true, skipTextToHtml: true, keepCidLinks: true };

export async function readMail(source: Readable): Promise<ReadMail> {
  const mail = await simpleParser(source, AS_SENT);
  return {
    html: mail.html || null,
    text: mail.text ?? null,
    headers: readHeaders(mail),
    attachments: mail.attachments.map((attachment) => ({
      filename: attachment.filename ?? null,
      contentType: attachment.contentType,
      contentId: attachment.cid ?? null,
      content: attachment.content,
    })),
  };
}

/**
 * The HTML with the images that the mail brings along put in as `data:` URLs, so that it needs
 * nothing else to be shown; null when there is none.
 */
export async function readSelfContainedHtml(source: Readable): Promise<string | null> {
  return (await simpleParser(source, { ...AS_SENT, keepCidLinks: false })).html || null;
}

/** The decoded subject, from the first bytes of a mail; empty when it has none. */
export async function readSubject(head: Buffer): Promise<string> {
  const blankLine = head.indexOf('\r\n\r\n');
  return (
    (await simpleParser(blankLine === -1 ? head : head.subarray(0, blankLine + 4), AS_SENT)).subject ?? ''
  );
}

function readHeaders(mail: ParsedMail): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null);
  for (const { key, line } of mail.headerLines) {
    const asSent = line
      .slice(line.indexOf(':') + 1)
      .replace(/\r?\n(?=[ \t])/g, '')
      .trim();
    headers[key] = [...(headers[key] ?? []), decoded(mail.headers.get(key)) ?? asSent];
  }
  return headers;
}

/**
 * Null for values that come more than once or have parameters: what mailparser makes of those no
 * longer looks like the header.
 */
function decoded(value: HeaderValue | undefined): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && 'text' in value && typeof value.text === 'string') return value.text;
  return null;
}
