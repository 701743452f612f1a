// From a stored message to the bytes of its mail: renders, composes and signs. The bytes are the
// same at each attempt (R8).

import type { Sender } from '../core/catalog/catalog.ts';
import type { Message, StoredText } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { mergeHeaders } from '../core/mail/headers.ts';
import { compose } from '../core/mail/mime/compose.ts';
import { contentEncoder } from '../core/mail/mime/content-encoder.ts';
import { headerNeedsSmtpUtf8, type MailPart } from '../core/mail/mime/mail.ts';
import { bodyOf, type MailContent, mailOf } from '../core/mail/mime/mail-of-message.ts';
import { sizeOf } from '../core/mail/mime/size.ts';
import { isRefusal } from '../core/template/render.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { signatures } from './sign.ts';

export type ComposeParts = ContentParts & Pick<Dispatcher, 'signingKeys'>;

type ContentParts = Pick<Dispatcher, 'blobs' | 'catalog' | 'templates'>;

export interface ComposedMail {
  /** Text is in memory, in one chunk; blobs are read while they are sent. */
  readonly parts: readonly MailPart[];
  /** The size of all parts as sent, which SMTP announces. */
  readonly bytes: number;
  /** A field of the header needs SMTPUTF8. */
  readonly smtpUtf8: boolean;
}

/**
 * Throws `Failure('invalid')` when the content can never be rendered, and `Failure('too_large')`
 * when the mail is larger than its sender allows. Any other failure may be over at the next
 * attempt.
 */
export async function composeMail(d: ComposeParts, message: Message, sender: Sender): Promise<ComposedMail> {
  const mail = mailOf(message, await contentOf(d, message), sender.domain);
  const parts = compose(mail);
  // a mail that is certainly too large is neither read nor signed
  refuseAbove(sender, sizeOf(parts).min);
  const smtpUtf8 = headerNeedsSmtpUtf8(mail);
  const [head] = parts;
  if (sender.dkim.length === 0 || !(head instanceof Uint8Array)) {
    const bytes = await countBytes(d.blobs, parts);
    refuseAbove(sender, bytes);
    return { parts, bytes, smtpUtf8 };
  }
  const { fields, bytes } = await signatures(d.signingKeys, sender, {
    head,
    bytes: bytesOf(d.blobs, parts),
    time: mail.date,
  });
  refuseAbove(sender, bytes);
  return { parts: [fields, ...parts], bytes: fields.length + bytes, smtpUtf8 };
}

/** `bytes`: at most the size of the mail without its signatures. */
function refuseAbove({ name, limits }: Sender, bytes: number): void {
  if (bytes > limits.maxMessageBytes)
    throw new Failure(
      'too_large',
      `The mail has ${bytes} bytes, and the sender ${name} allows at most ${limits.maxMessageBytes}.`,
    );
}

/** Reads only a text that is streamed, because its encoded size depends on its content. */
async function countBytes(blobs: Pick<BlobStore, 'get'>, parts: readonly MailPart[]): Promise<number> {
  let bytes = 0;
  for (const part of parts) {
    const { min, max } = sizeOf([part]);
    if (min === max) bytes += min;
    else for await (const chunk of bytesOf(blobs, [part])) bytes += chunk.length;
  }
  return bytes;
}

/** The bytes of a mail that is wholly in memory; null when a blob must be read. */
export function inMemory({ parts }: ComposedMail): readonly Uint8Array[] | null {
  const isInMemory = (all: readonly MailPart[]): all is readonly Uint8Array[] =>
    all.every((part) => part instanceof Uint8Array);
  return isInMemory(parts) ? parts : null;
}

/** The bytes in order; blobs pass through their encoder chunk by chunk. */
export async function* bytesOf(
  blobs: Pick<BlobStore, 'get'>,
  parts: readonly MailPart[],
): AsyncIterable<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      yield part;
      continue;
    }
    const encoder = contentEncoder(part.encoding);
    for await (const chunk of blobs.get(part.blob)) yield encoder.push(chunk);
    yield encoder.end();
  }
}

async function contentOf(d: ContentParts, message: Message): Promise<MailContent> {
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

async function dataOf(
  blobs: Pick<BlobStore, 'get'>,
  part: StoredText | null,
): Promise<Readonly<Record<string, unknown>>> {
  if (part === null) return {};
  const text =
    'inline' in part ? part.inline : Buffer.concat(await Array.fromAsync(blobs.get(part.blob))).toString();
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}
