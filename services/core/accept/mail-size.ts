// Compares the size of a request's mail with the limit of its sender, so that a mail that is too
// large is a fault of the request and not a bounce.

import type { Sender } from '../catalog/catalog.ts';
import { type Message, storedBytes } from '../delivery/message.ts';
import type { FieldError } from '../failure.ts';
import { messageId } from '../ids.ts';
import { compose } from '../mail/mime/compose.ts';
import { type MailContent, mailOf } from '../mail/mime/mail-of-message.ts';
import { sizeBounds, sizeOf } from '../mail/mime/size.ts';
import type { ParsedRequest } from './send-request.ts';

/** Any id and time: those of the message have the same length. */
const placeholder = { id: messageId(0, new Uint8Array(10)), createdAt: 0, scheduledAt: null };

export interface MailToMeasure {
  readonly parsed: ParsedRequest;
  /** The mailboxes of the header. */
  readonly shown: Pick<Message, 'from' | 'to' | 'cc' | 'replyTo'>;
  readonly content: MailContent;
  /** The request has another fault, so the lengths of its fields may be above their limits. */
  readonly hasFault: boolean;
}

/**
 * The fault of a mail that is larger than `maxMessageBytes`, or null. The mail is composed for this
 * only when its content comes near the limit and no other field has a fault. The size of a large
 * text, which is streamed, is known when the mail is sent; here, such a text is too large only if
 * its length alone is.
 */
export function sizeFault(
  { parsed, shown, content, hasFault }: MailToMeasure,
  { name, domain, limits: { maxMessageBytes } }: Sender,
): FieldError | null {
  const bounds = sizeBounds({ ...content, attachments: parsed.attachments });
  if (bounds.max <= maxMessageBytes) return null;
  let bytes = bounds.min;
  if (bytes <= maxMessageBytes && !hasFault) {
    const message = { ...placeholder, ...shown, content: parsed };
    bytes = sizeOf(compose(mailOf(message, content, domain))).min;
  }
  if (bytes <= maxMessageBytes) return null;
  return {
    field: largestField(parsed),
    code: 'too_large',
    message: `The mail has at least ${bytes} bytes as sent, and the sender ${name} allows ${maxMessageBytes}.`,
  };
}

/** The field whose content the caller can reduce. */
function largestField({ attachments, template, html, text, names }: ParsedRequest): string {
  if (attachments.length > 0) return 'attachments';
  if (template !== null) return names.template;
  return storedBytes(html) >= storedBytes(text) ? 'html' : 'text';
}
