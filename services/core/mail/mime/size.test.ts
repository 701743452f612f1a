import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mailBytes } from '../../../../test/support/mail-bytes.ts';
import type { Address, Mailbox } from '../../address.ts';
import type { Attachment } from '../../delivery/message.ts';
import { type BlobId, blobId, messageId } from '../../ids.ts';
import { compose } from './compose.ts';
import { contentEncoder } from './content-encoder.ts';
import { type BlobEncoding, headerNeedsSmtpUtf8, type Mail, messageIdHeader, type PartBody } from './mail.ts';
import { encodedSize, sizeBounds, sizeOf } from './size.ts';

const blobs = new Map<string, Uint8Array>();
function blob(bytes: Uint8Array): { readonly blob: BlobId; readonly bytes: number } {
  const id = blobId(blobs.size, Buffer.alloc(10, 3));
  blobs.set(id, bytes);
  return { blob: id, bytes: bytes.length };
}

function encoded(encoding: BlobEncoding, content: Uint8Array): number {
  const encoder = contentEncoder(encoding);
  return encoder.push(content).length + encoder.end().length;
}

const ascii = (length: number) => Buffer.alloc(length, 'a');
const umlauts = (length: number) => Buffer.alloc(length, 0xfc);

describe('the size of encoded content', () => {
  it.each([0, 1, 2, 3, 4, 56, 57, 58, 59, 113, 114, 115, 5_700, 5_701])(
    'is exact for %i bytes as base64',
    (length) => {
      const bytes = encoded('base64', umlauts(length));
      expect(encodedSize(length, 'base64')).toEqual({ min: bytes, max: bytes });
    },
  );

  it.each([0, 1, 24, 25, 26, 50, 51, 2_500, 2_501])(
    'reaches its maximum for %i quoted bytes as quoted-printable',
    (length) => {
      expect(encodedSize(length, 'quoted-printable').max).toBe(encoded('quoted-printable', umlauts(length)));
    },
  );

  it('reaches its minimum for plain lines as quoted-printable', () => {
    const content = Buffer.from('line\r\n'.repeat(100));
    expect(encodedSize(content.length, 'quoted-printable').min).toBe(encoded('quoted-printable', content));
  });

  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc
      .array(
        fc.constantFrom(ascii(1), ascii(73), umlauts(1), umlauts(25), Buffer.from(' \n'), Buffer.from('\r')),
      )
      .map((pieces) => Buffer.concat(pieces)),
  );
  it.each<BlobEncoding>(['base64', 'quoted-printable'])(
    'is within its bounds for any content as %s',
    (encoding) => {
      fc.assert(
        fc.property(contents, (content) => {
          const { min, max } = encodedSize(content.length, encoding);
          const bytes = encoded(encoding, content);
          expect([min <= bytes, bytes <= max]).toEqual([true, true]);
        }),
      );
    },
  );
});

const id = messageId(Date.UTC(2026, 10, 23), Buffer.alloc(10, 7));
const words = fc.string({ unit: 'grapheme', maxLength: 300 });
const addresses = fc
  .constantFrom('ana', 'änne', '"a b"', '世界')
  .map((local) => `${local}@b.example` as Address);
const mailboxes = fc.record<Mailbox>({
  name: fc.option(words.filter((name) => name !== '')),
  address: addresses,
});
const texts = fc
  .array(fc.constantFrom('a', ' ', '\n', '\r\n', '\r', '=', '.', 'ü', '😀', 'word '.repeat(30)), {
    maxLength: 80,
  })
  .map((pieces) => pieces.join(''));
const bodies: fc.Arbitrary<PartBody | null> = fc.oneof(fc.constant(null), texts);
const streamed: fc.Arbitrary<PartBody> = texts.map((text) => blob(Buffer.from(text)));
const attachments = fc
  .tuple(words, fc.uint8Array({ maxLength: 400 }), fc.boolean())
  .map(([filename, content, isInline]): Attachment => {
    return {
      filename,
      contentType: 'image/png',
      contentId: isInline ? 'logo@shop' : null,
      disposition: isInline ? 'inline' : 'attachment',
      ...blob(content),
    };
  });
const mails = (body: fc.Arbitrary<PartBody | null>): fc.Arbitrary<Mail> =>
  fc.record<Mail>({
    messageId: fc.constant(messageIdHeader(id, 'mail.shop.example')),
    date: fc.nat(),
    from: mailboxes,
    to: fc.array(mailboxes, { maxLength: 4 }),
    cc: fc.array(mailboxes, { maxLength: 2 }),
    replyTo: fc.array(mailboxes, { maxLength: 2 }),
    subject: words,
    headers: fc.dictionary(fc.constantFrom('X-Entity-Ref', 'Comments'), words),
    html: body,
    text: body,
    attachments: fc.array(attachments, { maxLength: 3 }),
    boundarySeed: fc.constant(id),
  });

describe('for any mail', () => {
  it('the computed size equals the bytes that the writer produces', () => {
    fc.assert(
      fc.property(mails(bodies), (mail) => {
        const parts = compose(mail);
        const { length } = mailBytes(parts, blobs);
        expect(sizeOf(parts)).toEqual({ min: length, max: length });
      }),
    );
  });

  it('with streamed text, the bytes of the writer are within the computed bounds', () => {
    fc.assert(
      fc.property(mails(fc.oneof(bodies, streamed)), (mail) => {
        const parts = compose(mail);
        const { length } = mailBytes(parts, blobs);
        for (const { min, max } of [sizeOf(parts), sizeBounds(mail)])
          expect([min <= length, length <= max]).toEqual([true, true]);
      }),
    );
  });

  it('SMTPUTF8 is needed exactly when the mail has a byte beyond ASCII', () => {
    fc.assert(
      fc.property(mails(bodies), (mail) => {
        const isBeyondAscii = mailBytes(compose(mail), blobs).some((byte) => byte > 127);
        expect(headerNeedsSmtpUtf8(mail)).toBe(isBeyondAscii);
      }),
    );
  });
});
