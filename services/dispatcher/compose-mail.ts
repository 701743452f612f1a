// From a stored message to the bytes of its mail: renders, composes and signs. The bytes are the
// same at each attempt (R8).

import type { Sender } from '../core/catalog/catalog.ts';
import type { Message, StoredText } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { mergeHeaders } from '../core/mail/headers.ts';
import { compose } from '../core/mail/mime/compose.ts';
import { contentEncoder } from '../core/mail/mime/content-encoder.ts';
import { type Mail, type MailPart, messageIdHeader, type PartBody } from '../core/mail/mime/mail.ts';
import { isRefusal } from '../core/template/render.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { signatures } from './sign.ts';

export type ComposeParts = ContentParts & Pick<Dispatcher, 'signingKeys'>;

type ContentParts = Pick<Dispatcher, 'blobs' | 'catalog' | 'templates'>;

export interface ComposedMail {
  /** Text is in memory, in one chunk; blobs are read while they are sent. */
  readonly parts: readonly MailPart[];
  /** Null when a part is streamed from a blob. */
  readonly bytes: number | null;
}

/**
 * Throws `Failure('invalid')` when the content can never be rendered. Any other failure may be over
 * at the next attempt.
 */
export async function composeMail(d: ComposeParts, message: Message, sender: Sender): Promise<ComposedMail> {
  const { subject, html, text, headers } = await contentOf(d, message);
  const parts = compose({
    messageId: messageIdHeader(message.id, sender.domain),
    date: message.createdAt,
    from: message.from,
    to: message.to,
    cc: message.cc,
    replyTo: message.replyTo,
    subject,
    headers,
    html,
    text,
    attachments: message.content.attachments,
    boundarySeed: message.id,
  });
  const mail = measured(parts);
  const [head] = parts;
  if (sender.dkim.length === 0 || !(head instanceof Uint8Array)) return mail;
  const fields = await signatures(d.signingKeys, sender, {
    head,
    bytes: bytesOf(d.blobs, mail),
    time: message.createdAt,
  });
  return measured([fields, ...parts]);
}

function measured(parts: readonly MailPart[]): ComposedMail {
  let bytes: number | null = 0;
  for (const part of parts)
    bytes = bytes === null || !(part instanceof Uint8Array) ? null : bytes + part.length;
  return { parts, bytes };
}

/** The bytes of a mail that is wholly in memory; null when a blob must be read. */
export function inMemory({ parts }: ComposedMail): readonly Uint8Array[] | null {
  const isInMemory = (all: readonly MailPart[]): all is readonly Uint8Array[] =>
    all.every((part) => part instanceof Uint8Array);
  return isInMemory(parts) ? parts : null;
}

/** The bytes in order; blobs pass through their encoder chunk by chunk. */
export async function* bytesOf(blobs: Pick<BlobStore, 'get'>, mail: ComposedMail): AsyncIterable<Uint8Array> {
  for (const part of mail.parts) {
    if (part instanceof Uint8Array) {
      yield part;
      continue;
    }
    const encoder = contentEncoder(part.encoding);
    for await (const chunk of blobs.get(part.blob)) yield encoder.push(chunk);
    yield encoder.end();
  }
}

async function contentOf(
  d: ContentParts,
  message: Message,
): Promise<Pick<Mail, 'subject' | 'html' | 'text' | 'headers'>> {
  const { content } = message;
  if (content.template === null)
    return {
      subject: content.subject ?? '',
      html: bodyOf(content.html),
      text: bodyOf(content.text),
      headers: content.headers,
    };
  const { identifier, revision: number, language } = content.template;
  const revision = await d.catalog.revision(message.tenant, identifier, number);
  if (revision === null)
    throw new Failure('unavailable', 'the pinned revision of the template is not in the catalog');
  const data = await dataOf(d.blobs, content.templateData);
  const rendered = d.templates.render(revision, { environment: message.environment, language, data });
  if (isRefusal(rendered))
    throw new Failure('invalid', 'the template could not be rendered', { errors: rendered.errors });
  return {
    subject: content.subject ?? rendered.subject,
    html: rendered.html,
    text: rendered.text,
    headers: mergeHeaders(rendered.headers, content.headers),
  };
}

const bodyOf = (part: StoredText | null): PartBody | null =>
  part === null ? null : 'inline' in part ? part.inline : part;

async function dataOf(
  blobs: Pick<BlobStore, 'get'>,
  part: StoredText | null,
): Promise<Readonly<Record<string, unknown>>> {
  if (part === null) return {};
  const text =
    'inline' in part ? part.inline : Buffer.concat(await Array.fromAsync(blobs.get(part.blob))).toString();
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}
