// The MIME writer: turns a mail into its bytes, in order, with its blobs in their places. The same
// mail always has the same bytes. It is our own because the general writers of libraries took 25
// times as long and repair input that should be refused. Two parsers of others test it.
//
//   mixed ┬ alternative ┬ text
//         │             ├ other alternatives
//         │             ├ related ┬ html
//         │             │         └ images that the html refers to
//         │             └ text/calendar
//         └ attachments
//
// A container of a single part is left out. Mail programs show the last alternative that they know
// (RFC 2046 section 5.1.4). An invitation is last, as Gmail and Outlook write it; any other
// alternative, for example AMP, precedes the html, for programs that know only the last part.

import type { Attachment } from '../../delivery/message.ts';
import { headerField } from '../headers.ts';
import {
  type ContentType,
  isUnencoded,
  parseContentType,
  UNKNOWN_TYPE,
  writeContentType,
} from './content-type.ts';
import { dateTime, mailboxField, parameter, textField } from './header-field.ts';
import type { Mail, MailPart, PartBody } from './mail.ts';
import { encodeText } from './text-encoding.ts';

/** A part of the tree above: its media type and content, before encoding. */
type Node =
  | { readonly kind: 'text'; readonly type: 'plain' | 'html'; readonly body: PartBody }
  | { readonly kind: 'attachment'; readonly attachment: Attachment }
  | {
      readonly kind: 'multipart';
      readonly type: 'mixed' | 'alternative' | 'related';
      readonly parts: readonly Node[];
    };

const contentIdSyntax = /^[!-;=?-~]{1,250}$/;

/** True if `text` may be written between the angle brackets of a Content-ID. */
export function isContentId(text: string): boolean {
  return contentIdSyntax.test(text);
}

/** Composes the whole mail: headers first, ending in CRLF. */
export function compose(mail: Mail): MailPart[] {
  const writer = new Writer(mail.boundarySeed);
  writer.write(headersOf(mail));
  writer.node(treeOf(mail));
  return writer.finish();
}

function headersOf(mail: Mail): string {
  let headers = mailboxField('From', [mail.from]);
  if (mail.to.length > 0) headers += mailboxField('To', mail.to);
  if (mail.cc.length > 0) headers += mailboxField('Cc', mail.cc);
  if (mail.to.length + mail.cc.length === 0) headers += 'To: undisclosed-recipients:;\r\n';
  if (mail.replyTo.length > 0) headers += mailboxField('Reply-To', mail.replyTo);
  headers += textField('Subject', mail.subject);
  headers += `Message-ID: ${mail.messageId}\r\nDate: ${dateTime(mail.date)}\r\n`;
  for (const [name, value] of Object.entries(mail.headers)) headers += headerField(name, value);
  return `${headers}MIME-Version: 1.0\r\n`;
}

function typeOf({ contentType }: Pick<Attachment, 'contentType'>): ContentType {
  const read = parseContentType(contentType);
  return 'fault' in read ? { type: UNKNOWN_TYPE, parameters: [] } : read;
}

function treeOf(mail: Mail): Node {
  const isShown = (a: Attachment) => mail.html !== null && a.contentId !== null && a.disposition === 'inline';
  const leaf = (attachment: Attachment): Node => ({ kind: 'attachment', attachment });
  const alternatives = mail.attachments.filter((a) => a.disposition === 'alternative');
  const isInvitation = (a: Attachment) => typeOf(a).type === 'text/calendar';
  const versions: Node[] = [];
  if (mail.text !== null || mail.html === null)
    versions.push({ kind: 'text', type: 'plain', body: mail.text ?? '' });
  versions.push(...alternatives.filter((a) => !isInvitation(a)).map(leaf));
  if (mail.html !== null) {
    versions.push(
      multipart('related', [
        { kind: 'text', type: 'html', body: mail.html },
        ...mail.attachments.filter(isShown).map(leaf),
      ]),
    );
  }
  versions.push(...alternatives.filter(isInvitation).map(leaf));
  return multipart('mixed', [
    multipart('alternative', versions),
    ...mail.attachments.filter((a) => !isShown(a) && a.disposition !== 'alternative').map(leaf),
  ]);
}

function multipart(type: 'mixed' | 'alternative' | 'related', parts: readonly Node[]): Node {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { kind: 'multipart', type, parts };
}

/** Collects text in as few buffers as the blobs allow. */
class Writer {
  readonly #seed: string;
  readonly #parts: MailPart[] = [];
  #boundaries = 0;
  #pending = '';

  constructor(seed: string) {
    this.#seed = seed;
  }

  write(text: string): void {
    this.#pending += text;
  }

  node(node: Node): void {
    switch (node.kind) {
      case 'text':
        this.#text(node.type, node.body);
        break;
      case 'attachment':
        this.#attachment(node.attachment);
        break;
      case 'multipart':
        this.#multipart(node.type, node.parts);
        break;
      default:
        node satisfies never;
    }
  }

  finish(): MailPart[] {
    if (!this.#pending.endsWith('\r\n')) this.write('\r\n');
    this.#flush();
    return this.#parts;
  }

  #text(type: 'plain' | 'html', body: PartBody): void {
    const head = `Content-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: `;
    if (typeof body === 'string') {
      const { encoding, content } = encodeText(body);
      this.write(`${head}${encoding}\r\n\r\n${content}`);
    } else {
      this.write(`${head}quoted-printable\r\n\r\n`);
      this.#blob({ ...body, encoding: 'quoted-printable' });
    }
  }

  #attachment({ contentType, contentId, disposition, filename, blob, bytes }: Attachment): void {
    const type = typeOf({ contentType });
    const encoding = isUnencoded(type.type) ? '7bit' : 'base64';
    const isFile = disposition !== 'alternative';
    const named = (name: string): string => (filename === '' ? '' : parameter(name, filename));
    this.write(`Content-Type: ${writeContentType(type)}${isFile ? '' : named('name')}\r\n`);
    this.write(`Content-Transfer-Encoding: ${encoding}\r\n`);
    if (contentId !== null && isContentId(contentId)) this.write(`Content-ID: <${contentId}>\r\n`);
    // a disposition would make mail programs offer the alternative as a file
    if (isFile) this.write(`Content-Disposition: ${disposition}${named('filename')}\r\n`);
    this.write('\r\n');
    this.#blob({ blob, bytes, encoding });
  }

  #multipart(type: string, parts: readonly Node[]): void {
    // `=_` occurs in neither quoted-printable nor base64, and nobody could know the seed when the
    // content was written.
    const boundary = `=_${this.#seed}.${++this.#boundaries}`;
    const ofType = type === 'related' ? '; type="text/html"' : '';
    this.write(`Content-Type: multipart/${type}${ofType};\r\n boundary="${boundary}"\r\n`);
    for (const part of parts) {
      this.write(`\r\n--${boundary}\r\n`);
      this.node(part);
    }
    this.write(`\r\n--${boundary}--\r\n`);
  }

  #blob(blob: Exclude<MailPart, Uint8Array>): void {
    this.#flush();
    this.#parts.push({ blob: blob.blob, bytes: blob.bytes, encoding: blob.encoding });
  }

  #flush(): void {
    if (this.#pending !== '') this.#parts.push(Buffer.from(this.#pending));
    this.#pending = '';
  }
}
