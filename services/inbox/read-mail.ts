// Parses a mail with mailparser when somebody looks at it. Reading holds one whole mail in memory;
// receiving never does.

import type { Readable } from 'node:stream';
import { type HeaderValue, type ParsedMail, simpleParser } from 'mailparser';

interface ReadMail {
  /** The HTML as sent, with its `cid:` links; null if there is none. */
  readonly html: string | null;
  readonly text: string | null;
  /**
   * Values by lower-case name, in order, unfolded and decoded. The source has the values as sent.
   */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly attachments: readonly ReadAttachment[];
}

export interface ReadAttachment {
  readonly filename: string | null;
  readonly contentType: string;
  /** Without angle brackets, as in a `cid:` link. */
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
 * The HTML with the mail's own images as `data:` URLs, so that a browser needs nothing else to show
 * it; null if there is none.
 */
export async function readSelfContainedHtml(source: Readable): Promise<string | null> {
  return (await simpleParser(source, { ...AS_SENT, keepCidLinks: false })).html || null;
}

/** The decoded subject, from the first bytes of a mail; empty if there is none. */
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
 * Null for headers with parameters or several values: mailparser returns those in a form that no
 * longer resembles the header.
 */
function decoded(value: HeaderValue | undefined): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && 'text' in value && typeof value.text === 'string') return value.text;
  return null;
}
