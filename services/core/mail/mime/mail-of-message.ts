// The mail of a message: its rendered content with the fields of its header. Ingest measures this
// mail before it accepts the message, and each attempt sends this mail, so both have the same size.

import { type Content, type Message, type StoredText, startsAt } from '../../delivery/message.ts';
import { type Mail, messageIdHeader, type PartBody } from './mail.ts';

/** The fields of a message that its mail shows. */
export type MessageForMail = Pick<
  Message,
  'id' | 'createdAt' | 'scheduledAt' | 'from' | 'to' | 'cc' | 'replyTo'
> & { readonly content: Pick<Content, 'attachments'> };

/** The content after rendering. */
export interface MailContent {
  readonly subject: string;
  readonly html: PartBody | null;
  readonly text: PartBody | null;
  /** The headers of the template and those of the request, which take precedence. */
  readonly headers: Mail['headers'];
}

export const bodyOf = (text: StoredText | null): PartBody | null =>
  text !== null && 'inline' in text ? text.inline : text;

/** `domain`: the sender's, as A-labels. */
export function mailOf(message: MessageForMail, content: MailContent, domain: string): Mail {
  return {
    messageId: messageIdHeader(message.id, domain),
    date: startsAt(message),
    from: message.from,
    to: message.to,
    cc: message.cc,
    replyTo: message.replyTo,
    ...content,
    attachments: message.content.attachments,
    boundarySeed: message.id,
  };
}
