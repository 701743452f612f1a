import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { type ParsedMail, simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { describeWith } from '../../../../test/support/describe-with.ts';
import { mailBytes } from '../../../../test/support/mail-bytes.ts';
import { type ReadMailbox, readWithPython } from '../../../../test/support/python-email.ts';
import type { Address, Mailbox } from '../../address.ts';
import type { Attachment } from '../../delivery/message.ts';
import { type BlobId, blobId, messageId } from '../../ids.ts';
import { compose, isContentId } from './compose.ts';
import { type Mail, messageIdHeader } from './mail.ts';

const id = messageId(Date.UTC(2026, 10, 23), Buffer.alloc(10, 7));
const date = Date.UTC(2026, 10, 23, 6, 50, 35);
const blobs = new Map<string, Uint8Array>();

const mailbox = (address: string, name: string | null = null): Mailbox => ({
  name,
  address: address as Address,
});

function blob(content: string | Uint8Array): { readonly blob: BlobId; readonly bytes: number } {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const name = blobId(blobs.size, Buffer.alloc(10, 3));
  blobs.set(name, bytes);
  return { blob: name, bytes: bytes.length };
}

function attachment(content: string | Uint8Array, more: Partial<Attachment> = {}): Attachment {
  return {
    filename: 'a.bin',
    contentType: 'application/octet-stream',
    contentId: null,
    disposition: 'attachment',
    ...blob(content),
    ...more,
  };
}

function mail(more: Partial<Mail> = {}): Mail {
  return {
    messageId: messageIdHeader(id, 'mail.shop.example'),
    date,
    from: mailbox('billing@mail.shop.example', 'Shop Billing'),
    to: [mailbox('ana@b.example')],
    cc: [],
    replyTo: [],
    subject: 'Your invoice',
    headers: {},
    html: null,
    text: null,
    attachments: [],
    boundarySeed: id,
    ...more,
  };
}

const bytesOf = (m: Mail, chunkBytes?: number) => mailBytes(compose(m), blobs, chunkBytes);
const parse = (m: Mail): Promise<ParsedMail> =>
  simpleParser(bytesOf(m), {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
    skipTextLinks: true,
  });

const logo = attachment(Buffer.from('89504e470d0a1a0a', 'hex'), {
  filename: 'logo.png',
  contentType: 'image/png',
  contentId: 'logo@shop',
  disposition: 'inline',
});
const invoice = attachment(
  Uint8Array.from({ length: 5_000 }, (_, i) => (i * 31) % 256),
  { filename: 'invoice.pdf', contentType: 'application/pdf' },
);
const invitation = attachment('BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n', {
  filename: 'invite.ics',
  contentType: 'text/calendar; method=REQUEST; charset=UTF-8',
  disposition: 'alternative',
});
const amp = attachment('<!doctype html><html amp4email></html>', {
  filename: 'mail größe.html',
  contentType: 'text/x-amp-html',
  disposition: 'alternative',
});
const html = '<p>Hello <img src="cid:logo@shop"></p>\r\n';
const text = 'Hello\r\n';

/**
 * All structures, and the difficult values of each field. The parsers below must read back the same
 * values.
 */
const mails: readonly (readonly [title: string, mail: Mail, structure: readonly string[]])[] = [
  ['nothing at all', mail({ subject: '' }), ['text/plain']],
  ['text', mail({ text }), ['text/plain']],
  ['html', mail({ html }), ['text/html']],
  ['both', mail({ html, text }), ['multipart/alternative', 'text/plain', 'text/html']],
  [
    'html with an image',
    mail({ html, attachments: [logo] }),
    ['multipart/related', 'text/html', 'image/png'],
  ],
  [
    'both with an image',
    mail({ html, text, attachments: [logo] }),
    ['multipart/alternative', 'text/plain', 'multipart/related', 'text/html', 'image/png'],
  ],
  [
    'all there is',
    mail({ html, text, attachments: [invoice, logo] }),
    [
      'multipart/mixed',
      'multipart/alternative',
      'text/plain',
      'multipart/related',
      'text/html',
      'image/png',
      'application/pdf',
    ],
  ],
  [
    'text with an invitation',
    mail({ text, attachments: [invitation] }),
    ['multipart/alternative', 'text/plain', 'text/calendar'],
  ],
  [
    'an invitation beside all there is',
    mail({ html, text, attachments: [invitation, invoice, amp, logo] }),
    [
      'multipart/mixed',
      'multipart/alternative',
      'text/plain',
      'text/x-amp-html',
      'multipart/related',
      'text/html',
      'image/png',
      'text/calendar',
      'application/pdf',
    ],
  ],
  [
    'text with a file',
    mail({ text, attachments: [invoice] }),
    ['multipart/mixed', 'text/plain', 'application/pdf'],
  ],
  [
    'text with an image that no html shows',
    mail({ text, attachments: [logo] }),
    ['multipart/mixed', 'text/plain', 'image/png'],
  ],
  ['only a file', mail({ attachments: [invoice] }), ['multipart/mixed', 'text/plain', 'application/pdf']],
  [
    'an empty file',
    mail({ text, attachments: [attachment('')] }),
    ['multipart/mixed', 'text/plain', 'application/octet-stream'],
  ],
  [
    'content that is streamed',
    mail({
      html: blob('<p>Größe = 1 \r\n.\r\n</p>\r\n'.repeat(400)),
      text: blob('Größe = 1 \r\n'.repeat(400)),
    }),
    ['multipart/alternative', 'text/plain', 'text/html'],
  ],
  ['only streamed text', mail({ text: blob('one\r\ntwo\r\n') }), ['text/plain']],
  ['lines of any length', mail({ text: `${'a'.repeat(5_000)}\r\n${'ü'.repeat(5_000)}\r\n` }), ['text/plain']],
  ['a long line of ASCII', mail({ html: `<p>${'word '.repeat(2_000)}</p>\r\n` }), ['text/html']],
  [
    'dots, dashes and From',
    mail({ text: '.\r\n..\r\n--\r\n--=_\r\nFrom me\r\n \r\n\r\n.\r\n' }),
    ['text/plain'],
  ],
  ['text beyond ASCII', mail({ text: 'Здравствуйте, 世界 😀\r\n'.repeat(50) }), ['text/plain']],
  [
    'a long subject',
    mail({ text, subject: 'A very long subject of plain words '.repeat(8).trim() }),
    ['text/plain'],
  ],
  [
    'a long subject beyond ASCII',
    mail({ text, subject: 'Größe 世界 😀 '.repeat(20).trim() }),
    ['text/plain'],
  ],
  [
    'a long subject with few letters beyond ASCII',
    mail({ text, subject: `Your order for Jürgen, ${'as you wished, '.repeat(12)}is here` }),
    ['text/plain'],
  ],
  [
    'a subject that looks encoded',
    mail({ text, subject: 'How to write =?utf-8?q?a?= in mail' }),
    ['text/plain'],
  ],
  ['a subject with several spaces', mail({ text, subject: 'a  b   c' }), ['text/plain']],
  [
    'names of every kind',
    mail({
      text,
      from: mailbox('a@b.example', 'Lovelace, "Ana" (home)'),
      to: [
        mailbox('a@b.example', 'Jürgen Müller'),
        mailbox('c@d.example'),
        mailbox('e@f.example', '世界'.repeat(40)),
      ],
      cc: [
        mailbox('g@xn--bcher-kva.example', 'back\\slash; <x@y.example>'),
        mailbox('"odd local"@h.example', 'Dr. Z'),
      ],
      replyTo: [mailbox('i@j.example', 'n'.repeat(200))],
    }),
    ['text/plain'],
  ],
  [
    'fifty recipients',
    mail({ text, to: Array.from({ length: 50 }, (_, i) => mailbox(`r${i}@b.example`, `Nº ${i}`)) }),
    ['text/plain'],
  ],
  [
    'headers of a caller',
    mail({ text, headers: { 'X-Order': '4711', 'X-Note': 'Größe: 世界', 'X-Long': 'w'.repeat(3_000) } }),
    ['text/plain'],
  ],
  [
    'filenames of every kind',
    mail({
      text,
      attachments: [
        'a b.pdf',
        'Rechnung größe.pdf',
        'a"b\\c;d.pdf',
        `${'世界'.repeat(60)}.pdf`,
        `${'a'.repeat(250)}.pdf`,
        "100%'s.pdf",
      ].map((filename) => attachment(filename, { filename })),
    }),
    ['multipart/mixed', 'text/plain', ...Array.from({ length: 6 }, () => 'application/octet-stream')],
  ],
  [
    'types that an attachment cannot have',
    mail({
      text,
      attachments: ['message/partial', 'multipart/mixed', 'nonsense', 'a/b\r\nX: y', ''].map((contentType) =>
        attachment('a', { contentType }),
      ),
    }),
    ['multipart/mixed', 'text/plain', ...Array.from({ length: 5 }, () => 'application/octet-stream')],
  ],
  [
    'an attached text',
    mail({ text, attachments: [attachment('a\nb\rc', { contentType: 'text/csv; charset=utf-8' })] }),
    ['multipart/mixed', 'text/plain', 'text/csv'],
  ],
];

/**
 * The body that a parser must return: unchanged, except that RFC 5322 requires a final line break.
 */
function expectedBody(body: Mail['html']): string | null {
  if (body === null) return null;
  const given = typeof body === 'string' ? body : Buffer.from(blobs.get(body.blob) ?? []).toString();
  return normal(given);
}
const normal = (body: string) => body.replace(/\r\n?/g, '\n').replace(/\n*$/, '');
/** mailparser shows international domains in Unicode. */
const asSent = (address: string) => address.replace(/[^@]+$/, domainToASCII);
/** In the order of the parts: AMP, images of the html, the invitation, files. */
const expectedAttachments = (m: Mail) => {
  const place = (a: Attachment): number => {
    if (a.disposition === 'alternative') return a.contentType.startsWith('text/calendar') ? 2 : 0;
    return m.html !== null && a.contentId !== null && a.disposition === 'inline' ? 1 : 3;
  };
  return m.attachments.toSorted((a, b) => place(a) - place(b));
};

function expectOnTheWire(bytes: Buffer): void {
  const wire = bytes.toString('latin1');
  expect(wire.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
  expect(wire.endsWith('\r\n')).toBe(true);
  for (const line of wire.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
}

async function expectMailparserReads(m: Mail): Promise<void> {
  const read = await parse(m);
  const list = (value: ParsedMail['to']) =>
    value === undefined
      ? []
      : [value].flat().flatMap((object) => object.value.map((v) => [v.name, asSent(v.address ?? '')]));
  const given = (mailboxes: readonly Mailbox[]) => mailboxes.map((box) => [box.name ?? '', box.address]);
  expect(read.subject ?? '').toBe(m.subject);
  expect(read.messageId).toBe(m.messageId);
  expect(read.date?.getTime()).toBe(m.date);
  expect(list(read.from)).toEqual(given([m.from]));
  expect(list(read.to)).toEqual(given(m.to));
  expect(list(read.cc)).toEqual(given(m.cc));
  expect(list(read.replyTo)).toEqual(given(m.replyTo));
  expect(normal(read.html || '')).toBe(expectedBody(m.html) ?? '');
  expect(normal(read.text ?? '')).toBe(expectedBody(m.text) ?? '');
  const expected = expectedAttachments(m);
  expect(read.attachments.map((a) => a.filename)).toEqual(expected.map((a) => a.filename));
  expect(read.attachments.map((a) => a.cid ?? null)).toEqual(expected.map((a) => a.contentId));
  for (const [i, a] of expected.entries())
    expect(read.attachments[i]?.content.equals(blobs.get(a.blob) ?? Buffer.alloc(0))).toBe(true);
}

describe.each(mails)('%s', (_, m) => {
  it('consists of whole lines of at most 998 characters, each ended by CRLF', () =>
    expectOnTheWire(bytesOf(m)));
  it('has the same bytes each time, whatever the chunks of its blobs', () =>
    expect(bytesOf(m, 7).equals(bytesOf(structuredClone(m), 100_000))).toBe(true));
  it('is parsed by mailparser', () => expectMailparserReads(m));
});

/**
 * Python inserts a space between the encoded words of a name (cpython gh-128110), so spaces are
 * removed before comparing.
 */
const joined = ([name, address]: ReadMailbox): ReadMailbox => [name.replaceAll(' ', ''), address];

describeWith(['python3'], 'Python’s email', () => {
  it('parses every mail without defects', async () => {
    const read = await readWithPython(mails.map(([, m]) => bytesOf(m)));
    for (const [i, [title, m, structure]] of mails.entries()) {
      const boxes = (mailboxes: readonly Mailbox[]) =>
        mailboxes.map((box) => joined([box.name ?? '', box.address]));
      const seen = read[i];
      if (seen === undefined) throw new Error('fewer mails came back than were given');
      const comparable = {
        ...seen,
        from: seen.from.map(joined),
        to: seen.to.map(joined),
        cc: seen.cc.map(joined),
        replyTo: seen.replyTo.map(joined),
        html: seen.html === null ? null : normal(seen.html),
        text: seen.text === null ? null : normal(seen.text),
      };
      expect(comparable, title).toMatchObject({
        subject: m.subject,
        messageIds: [m.messageId],
        dates: [m.date],
        from: boxes([m.from]),
        to: boxes(m.to),
        cc: boxes(m.cc),
        replyTo: boxes(m.replyTo),
        headers: m.headers,
        html: expectedBody(m.html),
        text: expectedBody(m.text) ?? (m.html === null ? '' : null),
        structure,
        defects: [],
        attachments: expectedAttachments(m).map((a) => ({
          filename: a.filename,
          contentId: a.contentId === null ? null : `<${a.contentId}>`,
          disposition: a.disposition === 'alternative' ? '' : a.disposition,
          content: Buffer.from(blobs.get(a.blob) ?? []).toString('base64'),
        })),
      });
    }
  });
});

it('an address in UTF-8 is parsed by mailparser', () =>
  expectMailparserReads(
    mail({ text, to: [mailbox('jürgen@b.example', 'Jürgen'), mailbox('用户@xn--fsqu00a.example')] }),
  ));

describe('an attached message', () => {
  const inner = 'Subject: inner\nContent-Type: text/plain\n\n.\n--=_\nFrom me\n';
  const eml = attachment(inner, { filename: 'inner.eml', contentType: 'message/rfc822' });

  it('is not encoded, and has CRLF line breaks', () => {
    const m = mail({ text, attachments: [eml] });
    expectOnTheWire(bytesOf(m));
    expect(bytesOf(m, 3).toString()).toContain(
      [
        'Content-Type: message/rfc822',
        'Content-Transfer-Encoding: 7bit',
        'Content-Disposition: attachment; filename="inner.eml"',
        '',
        inner.replaceAll('\n', '\r\n'),
      ]
        .join('\r\n')
        .replace('attachment; ', 'attachment;\r\n '),
    );
  });

  it('is parsed by mailparser', async () => {
    const { attachments } = await parse(mail({ text, attachments: [eml] }));
    expect(attachments.map((a) => [a.contentType, a.filename])).toEqual([['message/rfc822', 'inner.eml']]);
  });
});

describeWith(['python3'], 'Python’s email and an attached message', () => {
  it('parses its header', async () => {
    const eml = attachment('Subject: inner\r\n\r\nHello\r\n', { contentType: 'message/rfc822' });
    const [read] = await readWithPython([bytesOf(mail({ text, attachments: [eml] }))]);
    expect(read?.structure).toEqual(['multipart/mixed', 'text/plain', 'message/rfc822', 'text/plain']);
    expect(read?.defects).toEqual([]);
  });
});

it('an alternative has no disposition and keeps its parameters', () =>
  expect(bytesOf(mail({ text, attachments: [invitation] })).toString()).toContain(
    '\r\nContent-Type: text/calendar;\r\n method=REQUEST;\r\n charset=UTF-8;\r\n name="invite.ics"\r\nContent-Transfer-Encoding: base64\r\n\r\n',
  ));

describe('the mail in pieces', () => {
  it('keeps blobs in place, with one piece between two blobs', () => {
    const plan = compose(mail({ html: blob('a'), text, attachments: [invoice] }));
    expect(plan.map((part) => (part instanceof Uint8Array ? 'bytes' : part.encoding))).toEqual([
      'bytes',
      'quoted-printable',
      'bytes',
      'base64',
      'bytes',
    ]);
  });

  it('is one piece if the mail has no blobs', () => expect(compose(mail({ html, text }))).toHaveLength(1));
});

describe('the headers', () => {
  const wire = (m: Mail) => bytesOf(m).toString();

  it('say that there are recipients if all are blind', () =>
    expect(wire(mail({ to: [] }))).toContain('\r\nTo: undisclosed-recipients:;\r\n'));
  it('do not say so if there are copies', () =>
    expect(wire(mail({ to: [], cc: [mailbox('a@b.example')] }))).not.toContain('To:'));
  it('are UTF-8 if an address needs it', () =>
    expect(wire(mail({ to: [mailbox('jürgen@b.example')] }))).toContain('\r\nTo: jürgen@b.example\r\n'));
  it('gain no second header from a rendered subject', () => {
    expect(wire(mail({ subject: 'a\r\nBcc: b@c.example\r\n\r\nbody' }))).toContain(
      '\r\nSubject: a Bcc: b@c.example body\r\n',
    );
  });
  it('leave out an invalid Content-ID', () => {
    expect(wire(mail({ html, attachments: [{ ...logo, contentId: 'a>\r\nBcc: b@c.example' }] }))).not.toMatch(
      /Content-ID|Bcc/,
    );
  });
});

describe('an attachment', () => {
  it.each(['logo', 'logo@shop.example', 'a-b_c.1'])('may have the Content-ID %s', (cid) =>
    expect(isContentId(cid)).toBe(true),
  );
  it.each(['', 'a b', '<a>', 'a\r\n', 'ä', 'a'.repeat(251)])('may not have the Content-ID %j', (cid) =>
    expect(isContentId(cid)).toBe(false),
  );
});

describe('for any mail', () => {
  /**
   * Text that a header preserves: no control characters, and no spaces at the ends or several in a
   * row, which parsers may fold.
   */
  const words = (maxLength: number) =>
    fc
      .array(
        fc.oneof(
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
          fc.constantFrom('=?', '"', '\\', 'ü', '世界', '😀', '<', '>', ','),
        ),
        {
          maxLength: 12,
        },
      )
      .map((parts) =>
        parts
          .join(' ')
          .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
          .slice(0, maxLength)
          .toWellFormed()
          .trim(),
      );
  const bodies = fc.oneof(
    fc.constant(null),
    fc
      .array(
        fc.constantFrom('a', ' ', '\t', '\n', '\r\n', '=', '.', 'ü', '😀', 'word '.repeat(30), '--=_', '<b>'),
        { maxLength: 60 },
      )
      .map((parts) => parts.join('')),
  );
  const files = fc.array(fc.tuple(words(255), fc.uint8Array({ maxLength: 300 })), { maxLength: 3 });
  const names = fc.array(words(200), { maxLength: 4 });

  it('mailparser returns subject, names, html, text and attachments, and all lines are whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        words(500),
        names,
        bodies,
        bodies,
        files,
        async (subject, people, htmlBody, textBody, given) => {
          const m = mail({
            subject,
            to: [
              mailbox('first@b.example'),
              ...people.map((name, i) => mailbox(`r${i}@b.example`, name || null)),
            ],
            html: htmlBody,
            text: textBody,
            attachments: given.map(([filename, content]) =>
              attachment(content, { filename: filename || 'a' }),
            ),
          });
          expectOnTheWire(bytesOf(m));
          await expectMailparserReads(m);
        },
      ),
      { numRuns: 150 },
    );
  });
});
