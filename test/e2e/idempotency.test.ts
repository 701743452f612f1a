// One idempotency key creates one message (P3, P4): with the key in each allowed place, repeated
// and in parallel.

import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { mailsTo, untilMailTo } from './mails.ts';
import { sender } from './objects.ts';
import { codeOf, errorsOf, type JsonObject, type RestAnswer } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const request = (name: string, more: JsonObject = {}): JsonObject => ({
  recipient: `${name}@example.com`,
  subject: 'Once',
  text: 'Once only.',
  ...more,
});
const replayed = ({ headers }: RestAnswer): string | null => headers.get('idempotent-replayed');

/** The places of a key: from the key to the additional parts of the request. */
const places: readonly (readonly [
  title: string,
  place: (key: string) => { readonly headers?: Record<string, string>; readonly body?: JsonObject },
])[] = [
  ['Idempotency-Key', (key) => ({ headers: { 'Idempotency-Key': key } })],
  ['X-Idempotency-Key', (key) => ({ headers: { 'X-Idempotency-Key': key } })],
  ['X-Idempotency-Key inside headers', (key) => ({ body: { headers: { 'X-Idempotency-Key': key } } })],
  ['the field idempotency_key', (key) => ({ body: { idempotency_key: key } })],
  [
    'the same key in all places',
    (key) => ({
      headers: { 'Idempotency-Key': key, 'X-Idempotency-Key': key },
      body: { headers: { 'x-idempotency-key': key }, idempotency_key: key },
    }),
  ],
];

onEachSubject(
  'idempotency',
  { size: 2, objects: [sender('shop', { limits: { messagesPerSecond: 0 } })] },
  (stage) => {
    it.each(places)(
      '%s: repeated, it answers what the first request was answered, and sends once',
      async (title, place) => {
        const recipient = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
        const { headers, body } = place(randomUUID());
        const first = await stage.rest.send(request(recipient, body), headers);
        const again = await stage.rest.send(request(recipient, body), headers);
        expect(first.status).toBe(202);
        expect(replayed(first)).toBeNull();
        expect(again).toMatchObject({ status: 202, text: first.text });
        expect(replayed(again)).toBe('true');
        await stage.rest.until(String(first.body.message_id), 'delivered');
        expect(mailsTo(stage.sink, `${recipient}@example.com`)).toHaveLength(1);
      },
    );

    it('100 parallel requests with one key create one message and get equal responses', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => stage.rest.send(request('hundred'), headers)),
      );
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers[0]?.status).toBe(202);
      expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
      const list = await stage.rest.get('/v1/messages?recipient=hundred@example.com');
      expect(list.body.messages).toHaveLength(1);
      await untilMailTo(stage.sink, 'hundred@example.com');
      expect(mailsTo(stage.sink, 'hundred@example.com')).toHaveLength(1);
    });

    it('requests are equal despite another order of fields or another spelling of the header', async () => {
      const key = randomUUID();
      const first = await stage.rest.send(request('order'), { 'Idempotency-Key': key });
      const again = await stage.rest.send(
        `{"text":"Once only.", "subject":"Once","recipient":"order@example.com"}`,
        {
          'X-Idempotency-Key': key,
        },
      );
      expect(again).toMatchObject({ status: 202, text: first.text });
    });

    it('requests with the same uploaded content are equal, with other content different', async () => {
      const withFile = (content: string) =>
        request('file', {
          html: `<p>${'long '.repeat(20_000)}</p>`,
          attachments: [{ filename: 'a', content: Buffer.from(content).toString('base64') }],
        });
      const headers = { 'Idempotency-Key': randomUUID() };
      const first = await stage.rest.send(withFile('one'), headers);
      expect(first.status).toBe(202);
      expect(await stage.rest.send(withFile('one'), headers)).toMatchObject({
        status: 202,
        text: first.text,
      });
      expect(codeOf(await stage.rest.send(withFile('two'), headers))).toBe('idempotency_key_reused');
    });

    it('a used key with another body is rejected, and nothing is sent', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      await stage.rest.send(request('reused'), headers);
      const other = await stage.rest.send(request('reused-other'), headers);
      expect(other.status).toBe(422);
      expect(codeOf(other)).toBe('idempotency_key_reused');
      expect((await stage.rest.get('/v1/messages?recipient=reused-other@example.com')).body.messages).toEqual(
        [],
      );
    });

    it('two different keys in one request are rejected', async () => {
      const differing = await stage.rest.send(
        request('differing', { headers: { 'X-Idempotency-Key': 'b' } }),
        { 'Idempotency-Key': 'a' },
      );
      expect(differing.status).toBe(422);
      expect(errorsOf(differing).map(({ code }) => code)).toEqual(['idempotency_keys_differ']);
    });

    it.each([
      ['256 characters', 'k'.repeat(256)],
      ['a space at its end, inside headers', 'c4nary '],
      ['a letter beyond ASCII', 'schlüssel'],
      ['nothing at all', ''],
    ])('a key of %s is refused', async (_, key) => {
      const answer = await stage.rest.send(request('odd-key', { headers: { 'X-Idempotency-Key': key } }));
      expect(answer.status).toBe(422);
      expect(errorsOf(answer).map(({ code }) => code)).toEqual(['invalid_idempotency_key']);
      if (key !== '') expect(answer.text).not.toContain(key);
    });

    it('a key of 255 characters is valid', async () => {
      expect(
        (await stage.rest.send(request('long-key'), { 'Idempotency-Key': 'k'.repeat(255) })).status,
      ).toBe(202);
    });

    it('a rejected request does not use up its key', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      expect((await stage.rest.send(request('mended', { recipient: 'nobody' }), headers)).status).toBe(422);
      expect((await stage.rest.send(request('mended', { unknown: 1 }), headers)).status).toBe(400);
      const mended = await stage.rest.send(request('mended'), headers);
      expect(mended.status).toBe(202);
      expect(replayed(mended)).toBeNull();
    });

    it('a repeated request gets the first response, whatever happened to the message since', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      const first = await stage.rest.send(request('later'), headers);
      await stage.rest.until(String(first.body.message_id), 'delivered');
      await stage.rest.post('/v1/suppressions', { recipient: 'later@example.com' });
      expect(await stage.rest.send(request('later'), headers)).toMatchObject({
        status: 202,
        text: first.text,
      });
    });

    it('a repeated request with a scheduled time in the past is the same request', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      const body = request('past', { scheduled_time: '2026-04-19T14:30:00Z' });
      const first = await stage.rest.send(body, headers);
      expect(first.body.status).toBe('queued');
      expect(await stage.rest.send(body, headers)).toMatchObject({ status: 202, text: first.text });
    });
  },
);
