// What an SMTP server learns about a mail before it takes the mail: its size and SMTPUTF8. And the
// Date of a mail that was scheduled.

import { describe, expect, it } from 'vitest';
import { bytesOf, untilMailTo } from './mails.ts';
import { sender } from './objects.ts';
import type { JsonObject } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const objects = [
  sender('shop', { limits: { messagesPerSecond: 0 }, retry: { delaysSeconds: [1, 1, 1] } }),
  sender('small', { limits: { messagesPerSecond: 0, maxMessageBytes: 100_000 } }),
];
const recipient = 'ana@example.com';
const request = (more: JsonObject = {}): JsonObject => ({
  from: 'orders@shop.shop.example',
  to: [recipient],
  subject: 'Hello',
  text: 'Hello',
  ...more,
});
const file = (bytes: number): JsonObject => ({
  attachments: [{ filename: 'a.bin', content: Buffer.alloc(bytes, 1).toString('base64') }],
});
/** Too long to be stored in the message, so it is streamed, and twice as long on the wire. */
const longText = 'ü = '.repeat(15_000);

const sent: readonly (readonly [title: string, request: JsonObject, isUtf8: boolean])[] = [
  ['a text', {}, false],
  ['a file', file(5_000), false],
  ['a streamed text', { text: longText }, false],
  ['a streamed text and a file', { html: longText, ...file(100_000) }, false],
  ['a Reply-To with a local part beyond ASCII', { reply_to: ['änne@example.com'] }, true],
  ['a Cc with a domain beyond ASCII', { cc: ['anne@größe.example'] }, false],
  ['a From with a local part beyond ASCII', { from: 'bestellungen-für-alle@shop.shop.example' }, true],
];

onEachSubject('on the wire', { objects, offers: { extensions: ['SMTPUTF8', '8BITMIME'] } }, (stage) => {
  it.each(sent)('MAIL declares what is true of a mail with %s', async (_, more, isUtf8) => {
    const to = `${crypto.randomUUID()}@example.com`;
    await stage.rest.accepted(request({ ...more, to: [to] }));
    const mail = await untilMailTo(stage.sink, to);
    expect(mail.parameters).toContain(`SIZE=${mail.bytes}`);
    expect(mail.parameters.includes('SMTPUTF8')).toBe(isUtf8);
  });

  it('the Date of a scheduled mail is its scheduled time', async () => {
    const to = 'scheduled@example.com';
    const time = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
    await stage.rest.accepted(request({ to: [to], scheduled_time: time.toISOString() }));
    const [, date = ''] = /^Date: (.*)\r$/m.exec(String(bytesOf(await untilMailTo(stage.sink, to)))) ?? [];
    expect(new Date(date)).toEqual(time);
  });

  it.each([
    ['a file, whose base64 counts', file(90_000), 422, 'attachments'],
    ['a text', { text: 'x'.repeat(60_000) }, 202, null],
    ['a text in two parts', { text: 'x'.repeat(60_000), html: 'x'.repeat(60_000) }, 422, 'html'],
  ])('a mail above the limit of its sender is a fault of the request: %s', async (_, more, status, field) => {
    const answer = await stage.rest.send(request({ ...more, from: 'a@small.shop.example' }));
    expect(answer.status).toBe(status);
    if (field !== null) expect(answer.body.error).toMatchObject({ errors: [{ field, code: 'too_large' }] });
  });

  it('a mail that only its streamed text puts above the limit bounces', async () => {
    const id = await stage.rest.accepted(request({ from: 'a@small.shop.example', text: longText }));
    const { deliveries } = await stage.rest.until(id, 'bounced');
    expect(deliveries[0]).toMatchObject({
      attempts: 1,
      last_reply: { stage: 'render', enhanced: '5.3.4' },
    });
  });
});

describe('a server that offers too little', () => {
  onEachSubject(
    'gets no envelope',
    { objects, offers: { extensions: ['8BITMIME'], mailBytesMax: 5_000 } },
    (stage) => {
      it.each([
        ['5.3.4', 'a file that is too large in base64', file(4_900)],
        ['5.3.4', 'a streamed text that is too large', { text: longText }],
        ['5.6.7', 'a Reply-To with a local part beyond ASCII', { reply_to: ['änne@example.com'] }],
        ['5.6.7', 'a recipient with a local part beyond ASCII', { to: ['änne@example.com'] }],
      ])('and one bounce %s for %s', async (enhanced, _, more) => {
        const id = await stage.rest.accepted(request(more));
        const { deliveries } = await stage.rest.until(id, 'bounced');
        expect(deliveries).toMatchObject([{ attempts: 1, last_reply: { stage: 'mail', enhanced } }]);
        expect(stage.sink.reached).toMatchObject({ mail: 0, data: 0 });
      });
    },
  );
});
