// The size of a mail as SMTP counts it (RFC 1870): every byte of header and body with its CRLFs,
// and without the stuffed dots. The size follows from the lengths that are known, so no content is
// read. Only a text that is streamed as quoted-printable has a size that depends on its bytes.

import { mailLimits } from '../../limits/mail.ts';
import type { BlobEncoding, Mail, MailPart, PartBody } from './mail.ts';

/** Bytes. Both are equal when the size is known. */
export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

/** The size of a composed mail, which is the sum of its parts. */
export function sizeOf(parts: readonly MailPart[]): SizeRange {
  let min = 0;
  let max = 0;
  for (const part of parts) {
    const size = part instanceof Uint8Array ? exactly(part.length) : encodedSize(part.bytes, part.encoding);
    min += size.min;
    max += size.max;
  }
  return { min, max };
}

/** Bounds of the size of a mail that is not composed. Reads no more than the lengths of its parts. */
export function sizeBounds({
  html,
  text,
  attachments,
}: Pick<Mail, 'html' | 'text' | 'attachments'>): SizeRange {
  // The bounds of quoted-printable hold for every encoding: none makes content shorter, and none
  // makes content longer than the triplets of quoted-printable.
  const sizes = [lengthOf(html), lengthOf(text), ...attachments.map(({ bytes }) => bytes)].map((bytes) =>
    encodedSize(bytes, 'quoted-printable'),
  );
  let min = 0;
  let max: number = mailLimits.structureBytesMax;
  for (const size of sizes) {
    min += size.min;
    max += size.max;
  }
  return { min, max };
}

/** The size of what `contentEncoder(encoding)` makes of a content of `bytes`. */
export function encodedSize(bytes: number, encoding: BlobEncoding): SizeRange {
  switch (encoding) {
    case 'base64': {
      const chars = 4 * Math.ceil(bytes / 3);
      return exactly(chars + 2 * breaksIn(chars, base64LineChars));
    }
    case 'quoted-printable':
      // Between plain lines that need no soft line break, and three characters for each byte.
      return { min: bytes, max: 3 * bytes + 3 * breaksIn(bytes, quotedLineBytes) };
    case '7bit':
      // The encoder may add a carriage return to each line feed.
      return { min: bytes, max: 2 * bytes };
    default:
      return encoding satisfies never;
  }
}

const base64LineChars = 76;
/** Quoted bytes of three characters in a line of 75, the fewest bytes that a full line can have. */
const quotedLineBytes = 25;

/** The breaks between full lines; the last line has none. */
const breaksIn = (length: number, lineLength: number): number =>
  Math.max(0, Math.ceil(length / lineLength) - 1);

const exactly = (bytes: number): SizeRange => ({ min: bytes, max: bytes });

function lengthOf(body: PartBody | null): number {
  if (body === null) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.bytes;
}
