// Mail arrives with the requested content, as read by parsers of other projects, and follows the
// rules of SMTP.

import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReadMailbox } from '../support/python-email.ts';
import {
  bytesOf,
  mailsTo,
  type Reading,
  readByMailparser,
  readByPython,
  textOf,
  untilMailTo,
} from './mails.ts';
import { sender, template } from './objects.ts';
import type { JsonObject } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const objects = [
  sender('shop', {
    replyTo: ['Help <help@shop.shop.example>'],
    retry: { delaysSeconds: [1, 1, 1] },
    limits: { messagesPerSecond: 0 },
  }),
  sender('other'),
  template('rows', {
    senderRef: { name: 'shop' },
    sampleData: { rows: ['one'] },
    locales: [
      {
        locale: 'en',
        subject: '{{rows.length}} rows',
        html: '<ul>{{#each rows}}<li>{{this}}</li>{{/each}}</ul>',
        text: '{{rows.length}}',
      },
    ],
  }),
];

/** Every byte value, unordered. */
const everyByte = Buffer.from(Uint8Array.from({ length: 1_024 }, (_, i) => (i * 167) % 256));
const invitation = Buffer.from('BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n');
const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
const html = '<p>Grüße an Änne: 1 = 1 &amp; 2</p>\n<img src="cid:logo@shop">\n';
const text = 'Grüße\n.\n..two dots\nFrom here\n--\n=20 trailing \n';

interface Asked {
  readonly title: string;
  readonly request: JsonObject;
  /** The test reads the copy of the first recipient. */
  readonly recipients: readonly string[];
  readonly from?: readonly ReadMailbox[];
  readonly to?: readonly ReadMailbox[];
  readonly cc?: readonly ReadMailbox[];
  readonly replyTo?: readonly ReadMailbox[];
  readonly subject?: string;
  readonly html?: string;
  readonly text?: string;
  readonly attachments?: readonly (readonly [
    filename: string,
    contentType: string,
    contentId: string | null,
    disposition: string,
    content: Buffer,
  ])[];
  /** As Python reads them. */
  readonly headers?: Readonly<Record<string, string>>;
}

const from = 'orders@shop.shop.example';
const to = (name: string) => ({
  recipients: [`${name}@example.com`],
  request: { from, to: [`${name}@example.com`], subject: 'Hello', text: 'Hello' },
});

const asked: readonly Asked[] = [
  { title: 'the least', ...to('least'), text: 'Hello', replyTo: [['Help', 'help@shop.shop.example']] },
  {
    title: 'all there is',
    request: {
      from: '"Lovelace, \\"Ada\\"" <ada@shop.shop.example>',
      to: ['Ana Müller <all@example.com>', { email: 'ben@example.org', name: '本 田' }],
      cc: ['cc@example.net', '"Back\\\\slash; <x@y.example>" <odd@example.net>'],
      bcc: ['all-bcc@example.com'],
      reply_to: ['Antworten <answers@example.org>', 'more@example.org'],
      subject: 'Ihre Bestellung № 17',
      html,
      text,
      headers: {
        'X-Entity-Ref': '2026-17',
        'X-Note': 'für Änne',
        'In-Reply-To': '<one@example.org>',
        'x-idempotency-key': 'content-all',
      },
      attachments: [
        {
          filename: 'Rechnung für März 世界.pdf',
          content: everyByte.toString('base64'),
          content_type: 'application/pdf',
        },
        {
          filename: 'logo.png',
          content: png.toString('base64'),
          content_type: 'image/png',
          content_id: 'logo@shop',
        },
        { filename: 'plain', content: Buffer.from('no type').toString('base64') },
      ],
      tags: { kind: 'order' },
      metadata: { order: 17 },
    },
    recipients: [
      'all@example.com',
      'ben@example.org',
      'cc@example.net',
      'odd@example.net',
      'all-bcc@example.com',
    ],
    from: [['Lovelace, "Ada"', 'ada@shop.shop.example']],
    to: [
      ['Ana Müller', 'all@example.com'],
      ['本 田', 'ben@example.org'],
    ],
    cc: [
      ['', 'cc@example.net'],
      ['Back\\slash; <x@y.example>', 'odd@example.net'],
    ],
    replyTo: [
      ['Antworten', 'answers@example.org'],
      ['', 'more@example.org'],
    ],
    subject: 'Ihre Bestellung № 17',
    html,
    text,
    attachments: [
      ['logo.png', 'image/png', 'logo@shop', 'inline', png],
      ['Rechnung für März 世界.pdf', 'application/pdf', null, 'attachment', everyByte],
      ['plain', 'application/octet-stream', null, 'attachment', Buffer.from('no type')],
    ],
    headers: { 'X-Entity-Ref': '2026-17', 'X-Note': 'für Änne', 'In-Reply-To': '<one@example.org>' },
  },
  {
    title: 'an empty file, base64 as other encoders write it, and one address in place of a list',
    request: {
      from,
      to: 'Ana <forms@example.com>',
      reply_to: 'answers@example.org',
      subject: 'Hello',
      text: 'Hello',
      attachments: [
        { filename: 'empty', content: '', content_type: 'text/plain' },
        { filename: 'url', content: everyByte.toString('base64url') },
        { filename: 'wrapped', content: everyByte.toString('base64').replace(/.{76}/g, '$&\r\n') },
      ],
    },
    recipients: ['forms@example.com'],
    to: [['Ana', 'forms@example.com']],
    replyTo: [['', 'answers@example.org']],
    text: 'Hello',
    attachments: [
      ['empty', 'text/plain', null, 'attachment', Buffer.alloc(0)],
      ['url', 'application/octet-stream', null, 'attachment', everyByte],
      ['wrapped', 'application/octet-stream', null, 'attachment', everyByte],
    ],
  },
  {
    title: 'an invitation, with a blank html',
    ...to('invited'),
    request: {
      ...to('invited').request,
      html: ' \r\n',
      attachments: [
        {
          filename: 'invite.ics',
          content: invitation.toString('base64'),
          content_type: 'text/calendar; method=REQUEST; charset=UTF-8',
          disposition: 'alternative',
        },
      ],
    },
    attachments: [['invite.ics', 'text/calendar', null, '', invitation]],
  },
  {
    title: 'html alone, with an inline image',
    request: {
      ...to('inline').request,
      text: null,
      html,
      attachments: [
        {
          filename: 'logo.png',
          content: png.toString('base64'),
          content_type: 'image/png',
          content_id: 'logo@shop',
          disposition: 'inline',
        },
      ],
    },
    recipients: ['inline@example.com'],
    html,
    attachments: [['logo.png', 'image/png', 'logo@shop', 'inline', png]],
  },
  {
    title: 'a long subject beyond ASCII',
    ...to('subject'),
    request: {
      ...to('subject').request,
      subject: 'Größe 世界 😀 und ein  doppelter Abstand '.repeat(12).trim(),
    },
    subject: 'Größe 世界 😀 und ein  doppelter Abstand '.repeat(12).trim(),
  },
  {
    title: 'the longest subject',
    ...to('longest'),
    request: { ...to('longest').request, subject: 'ж'.repeat(998) },
    subject: 'ж'.repeat(998),
  },
  {
    title: 'a recipient at an international domain',
    request: { ...to('x').request, to: ['Änne <aenne@bücher.example>'] },
    recipients: ['aenne@xn--bcher-kva.example'],
    to: [['Änne', 'aenne@xn--bcher-kva.example']],
  },
  {
    title: 'a quoted local part',
    request: { ...to('x').request, to: ['"odd local"@example.com'] },
    recipients: ['"odd local"@example.com'],
    to: [['', '"odd local"@example.com']],
  },
  {
    title: 'lines longer than mail allows',
    ...to('lines'),
    request: {
      ...to('lines').request,
      text: `${'a'.repeat(5_000)}\n${'ü '.repeat(2_000)}end\n`,
      html: `<p>${'word '.repeat(3_000)}</p>`,
    },
    text: `${'a'.repeat(5_000)}\n${'ü '.repeat(2_000)}end\n`,
    html: `<p>${'word '.repeat(3_000)}</p>`,
  },
  {
    title: 'html above 64 KiB, which travels as a stream',
    ...to('large'),
    request: { ...to('large').request, html: `<p>${'Größe = 1 <br>\n'.repeat(20_000)}</p>`, text },
    html: `<p>${'Größe = 1 <br>\n'.repeat(20_000)}</p>`,
    text,
  },
  {
    title: 'template data above 64 KiB',
    request: {
      recipient: 'rows@example.com',
      template: 'rows',
      template_data: { rows: Array.from({ length: 5_000 }, (_, i) => `Zeile & ${i} ж`) },
    },
    recipients: ['rows@example.com'],
    subject: '5000 rows',
    html: `<ul>${Array.from({ length: 5_000 }, (_, i) => `<li>Zeile &amp; ${i} ж</li>`).join('')}</ul>`,
    text: '5000',
    from: [['Harbour Shop', 'no-reply@shop.shop.example']],
    to: [['', 'rows@example.com']],
  },
];

onEachSubject('content', { objects }, (stage) => {
  describe.each(asked)('$title', (wanted) => {
    let byMailparser: Reading;
    let byPython: Awaited<ReturnType<typeof readByPython>>;
    beforeAll(async () => {
      await stage.rest.accepted(wanted.request);
      for (const address of wanted.recipients) await untilMailTo(stage.sink, address);
      [byMailparser, byPython] = await Promise.all([
        readByMailparser(await mail()),
        readByPython(await mail()),
      ]);
    });

    const mail = () => untilMailTo(stage.sink, wanted.recipients[0] ?? '');

    it('has the requested content', () => {
      for (const read of [byMailparser, byPython]) {
        expect(read.from).toEqual(wanted.from ?? [['', from]]);
        expect(read.to).toEqual(wanted.to ?? wanted.recipients.map((address) => ['', address]));
        expect(read.cc).toEqual(wanted.cc ?? []);
        expect(read.replyTo).toEqual(wanted.replyTo ?? [['Help', 'help@shop.shop.example']]);
        expect(read.subject).toBe(wanted.subject ?? 'Hello');
        expect(read.html).toBe(wanted.html === undefined ? null : textOf(wanted.html));
        expect(read.text).toBe(
          wanted.text === undefined && wanted.html !== undefined ? null : textOf(wanted.text ?? 'Hello'),
        );
        expect(read.attachments).toEqual(
          (wanted.attachments ?? []).map(([filename, contentType, contentId, disposition, content]) => ({
            filename,
            contentType,
            contentId,
            disposition,
            content: content.toString('base64'),
          })),
        );
      }
    });

    it('parses without defects, and has the requested headers', () => {
      const { defects, headers } = byPython;
      expect(defects).toEqual([]);
      expect(headers).toMatchObject(wanted.headers ?? {});
      expect(Object.keys(headers).map((name) => name.toLowerCase())).not.toContain('x-idempotency-key');
    });

    it('keeps to the wire: CRLF, no line above 998, one Message-ID and one Date', async () => {
      const lines = bytesOf(await mail())
        .toString('latin1')
        .split('\r\n');
      expect(lines.filter((line) => line.length > 998 || /[\r\n]/.test(line))).toEqual([]);
      const head = lines.slice(0, lines.indexOf(''));
      expect(head.filter((line) => /^message-id:/i.test(line))).toHaveLength(1);
      expect(head.filter((line) => /^date:/i.test(line))).toHaveLength(1);
      expect(stage.sink.anomalies).toEqual([]);
    });

    it('reaches each recipient once with the same bytes, and does not contain bcc addresses', () => {
      const copies = wanted.recipients.flatMap((address) => mailsTo(stage.sink, address));
      expect(copies.map(({ to: at }) => at)).toEqual(wanted.recipients.map((address) => [address]));
      expect(new Set(copies.map(({ sha256 }) => sha256)).size).toBe(1);
      for (const copy of copies) {
        expect(bytesOf(copy).toString('latin1')).not.toMatch(/^bcc:|all-bcc/im);
        // no parameter requests a delivery status notification
        expect(
          copy.parameters.filter((parameter) => !/^(?:SIZE=\d+|BODY=8BITMIME)$/.test(parameter)),
        ).toEqual([]);
        expect(copy.from).toMatch(/^[^@]+@shop\.shop\.example$/);
      }
    });
  });

  it('only a non-ASCII address requires SMTPUTF8', async () => {
    await stage.rest.accepted({ from, to: ['jürgen@example.com'], subject: 'Hello', text: 'Hello' });
    const mail = await untilMailTo(stage.sink, 'jürgen@example.com');
    expect(mail.parameters).toContain('SMTPUTF8');
    // Python's parser does not support headers of RFC 6532
    expect((await readByMailparser(mail)).to).toEqual([['', 'jürgen@example.com']]);
    expect(stage.sink.mails.filter(({ parameters }) => parameters.includes('SMTPUTF8'))).toEqual([mail]);
  });

  it('20 MB of attachment arrive byte for byte', async () => {
    const content = randomBytes(20_000_000);
    await stage.rest.accepted({
      from,
      to: ['big@example.com'],
      subject: 'Big',
      text: 'Attached.',
      attachments: [{ filename: 'big.bin', content: content.toString('base64') }],
    });
    const { attachments } = await readByMailparser(await untilMailTo(stage.sink, 'big@example.com'));
    expect(attachments.map(({ filename }) => filename)).toEqual(['big.bin']);
    expect(Buffer.from(attachments[0]?.content ?? '', 'base64').equals(content)).toBe(true);
  });

  it('all attempts carry one Message-ID, one Date and the same bytes', async () => {
    const recipient = 'attempts@example.com';
    stage.sink.setRules([
      { at: 'rcpt', to: recipient, times: 1, reply: '451 4.7.1 come back later' },
      // the server accepts the mail, but its reply is lost: at_least_once sends a second copy
      { at: 'dot', to: recipient, times: 1, drop: 'reset' },
    ]);
    const id = await stage.rest.accepted({
      from,
      to: [recipient],
      subject: 'Attempts',
      text: 'Hello',
      attachments: [{ filename: 'a.bin', content: everyByte.toString('base64') }],
    });
    await stage.rest.until(id, 'delivered');
    const copies = mailsTo(stage.sink, recipient);
    expect(copies).toHaveLength(2);
    expect(new Set(copies.map(({ messageId, sha256 }) => `${messageId} ${sha256}`)).size).toBe(1);
    const readings = await Promise.all(copies.map(readByMailparser));
    expect(new Set(readings.map(({ date }) => date)).size).toBe(1);
    expect((await stage.rest.events(id)).map(({ type }) => type)).toEqual([
      'queued',
      'accepted',
      'deferred',
      'deferred',
      'delivered',
    ]);
  });
});
