// The input and output of the MIME writer. A mail is one message after rendering. Nothing in it
// depends on the delivery, so every recipient and every attempt gets the same bytes (R8).

import { type Mailbox, needsSmtpUtf8 } from '../../address.ts';
import type { Attachment } from '../../delivery/message.ts';
import type { BlobId, MessageId } from '../../ids.ts';

/** Text in memory, or a blob in UTF-8 to be streamed. `bytes` is the length before encoding. */
export type PartBody = string | { readonly blob: BlobId; readonly bytes: number };

/**
 * The content of a mail. Blind copies are recipients of the envelope only, so no field names them.
 */
export interface Mail {
  /** `<msg_…@domain>`, as `messageIdHeader` makes it. */
  readonly messageId: string;
  /**
   * The later of acceptance and scheduled time, in milliseconds since 1970. It is the same for all
   * attempts.
   */
  readonly date: number;
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly replyTo: readonly Mailbox[];
  readonly subject: string;
  /** The result of `parseHeaders`, in the order in which it is written. */
  readonly headers: Readonly<Record<string, string>>;
  readonly html: PartBody | null;
  readonly text: PartBody | null;
  readonly attachments: readonly Attachment[];
  /**
   * The source of the boundaries. It is random and secret until the message is accepted, so no
   * content can contain a boundary on purpose.
   */
  readonly boundarySeed: MessageId;
}

/**
 * How a blob is encoded: as lines of base64, as quoted-printable text with CRLF line breaks, or as
 * it is with CRLF line breaks.
 */
export type BlobEncoding = 'base64' | 'quoted-printable' | '7bit';

/**
 * A mail in order: finished bytes, and blobs that the transport encodes with
 * `contentEncoder(encoding)` while it sends them.
 */
export type MailPart =
  | Uint8Array
  | { readonly blob: BlobId; readonly bytes: number; readonly encoding: BlobEncoding };

/**
 * True when a field of the header contains a local part beyond ASCII, which only a server with
 * SMTPUTF8 takes. All other text of a header is written in ASCII.
 */
export function headerNeedsSmtpUtf8({
  from,
  to,
  cc,
  replyTo,
}: Pick<Mail, 'from' | 'to' | 'cc' | 'replyTo'>): boolean {
  const isBeyondAscii = (mailbox: Mailbox): boolean => needsSmtpUtf8(mailbox.address);
  return (
    isBeyondAscii(from) || to.some(isBeyondAscii) || cc.some(isBeyondAscii) || replyTo.some(isBeyondAscii)
  );
}

/** The Message-ID of a message at the sender's domain. */
export function messageIdHeader(messageId: MessageId, domain: string): string {
  return `<${messageId}@${domain}>`;
}
