// What the MIME writer takes and gives. A mail is one message with its templates rendered; nothing
// in it depends on the delivery, so every recipient and every attempt gets the same bytes (R8).

import type { Mailbox } from '../../address.ts';
import type { Attachment } from '../../delivery/message.ts';
import type { BlobId, MessageId } from '../../ids.ts';

/**
 * Text at hand, or content that is streamed from the BlobStore (UTF-8; `bytes` before encoding).
 */
export type PartBody = string | { readonly blob: BlobId; readonly bytes: number };

/**
 * Everything that stands in the mail. Blind copies are recipients of the envelope only, so there is
 * no field for them.
 */
export interface Mail {
  /** `<msg_…@domain>`, made by `messageIdHeader`. */
  readonly messageId: string;
  /** Milliseconds since 1970: when the message was accepted, not when it is sent. */
  readonly date: number;
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly replyTo: readonly Mailbox[];
  readonly subject: string;
  /** As `parseHeaders` gave them, in the order in which they are written. */
  readonly headers: Readonly<Record<string, string>>;
  readonly html: PartBody | null;
  readonly text: PartBody | null;
  readonly attachments: readonly Attachment[];
  /**
   * Boundaries derive from it. Random and unknown before the message is accepted, so no content can
   * be written to hold one.
   */
  readonly boundarySeed: MessageId;
}

/**
 * How a blob goes into the mail: as lines of base 64, or as quoted-printable text with its line
 * breaks made CRLF.
 */
export type BlobEncoding = 'base64' | 'quoted-printable';

/**
 * A mail in order: finished bytes, and blobs that whoever sends it passes through
 * `contentEncoder(encoding)`.
 */
export type MailPart =
  | Uint8Array
  | { readonly blob: BlobId; readonly bytes: number; readonly encoding: BlobEncoding };

/** The Message-ID of a message; the domain is the sender's. */
export function messageIdHeader(messageId: MessageId, domain: string): string {
  return `<${messageId}@${domain}>`;
}
