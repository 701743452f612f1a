// Invalid requests over REST and gRPC. Each row expects the right status, each fault with its path,
// and a message for people that repeats nothing of the request; no event loop may stall. At the
// end, nothing was sent and no content is left. Large bodies have a file of their own
// (large-requests.test.ts).

import { status } from '@grpc/grpc-js';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { MessagesServiceService, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { type BodyChange, bodies, good, rows, shapes } from './bad-requests.ts';
import { withoutStall } from './event-loop.ts';
import { leftovers } from './leftovers.ts';
import { untilMailTo } from './mails.ts';
import { sender, template } from './objects.ts';
import { expectPolite, SENTENCE } from './polite.ts';
import { codeOf, errorsOf, type JsonObject } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const objects = [
  sender('shop', { limits: { messagesPerSecond: 0 } }),
  sender('few', { limits: { maxRecipients: 2, maxMessageBytes: 100_000 } }),
  template('otp', {
    senderRef: { name: 'shop' },
    variables: {
      type: 'object',
      required: ['code'],
      properties: { code: { type: 'string', maxLength: 12 } },
    },
    sampleData: { code: '847291' },
    locales: [{ locale: 'en', subject: 'Your code', text: '{{code}}' }],
  }),
];

/** The request as JSON, without undefined fields. */
const changed = (change: BodyChange): JsonObject =>
  JSON.parse(JSON.stringify({ ...good, ...change })) as JsonObject;

/** The same request for gRPC. */
function toProto(body: JsonObject): SendMessageRequest {
  const address = (given: unknown): { email?: string; name?: string } =>
    typeof given === 'string' ? { email: given } : (given as { email?: string; name?: string });
  const time = (given: unknown) => ({ seconds: Math.floor(Date.parse(String(given)) / 1000), nanos: 0 });
  const {
    to = [],
    cc = [],
    bcc = [],
    reply_to = [],
    attachments = [],
    from,
    scheduled_time,
    expires_at,
    ...rest
  } = body as Readonly<Record<string, unknown[]>>;
  return SendMessageRequest.fromPartial({
    ...rest,
    ...(from === undefined ? {} : { from: address(from) }),
    to: to.map(address),
    cc: cc.map(address),
    bcc: bcc.map(address),
    reply_to: reply_to.map(address),
    attachments: attachments.map((file) => {
      const { content, ...more } = file as JsonObject;
      return {
        ...more,
        ...(content === undefined ? {} : { content: Buffer.from(String(content), 'base64') }),
      };
    }),
    ...(scheduled_time === undefined ? {} : { scheduled_time: time(scheduled_time) }),
    ...(expires_at === undefined ? {} : { expires_at: time(expires_at) }),
  });
}

onEachSubject('bad input', { objects }, (stage) => {
  let before = '';
  const sorted = (faults: readonly (readonly string[])[]): string[] =>
    faults.map((fault) => fault.join(' ')).toSorted();

  it('starts with nothing', async () => {
    before = await leftovers(stage.packetboat);
    expect(stage.sink.mails).toEqual([]);
  });

  describe('a request that matches the contract and is rejected for its content', () => {
    it.each(rows)('REST: %s', async (_, change, faults) => {
      const answer = await withoutStall(stage.packetboat, () => stage.rest.send(changed(change)));
      expect(sorted(errorsOf(answer).map(({ field, code }) => [field, code]))).toEqual(sorted(faults));
      expect([answer.status, codeOf(answer)]).toEqual([422, 'validation_failed']);
      expectPolite(answer);
    });

    it.each(rows)('gRPC: %s', async (_, change, faults) => {
      const request = toProto(changed(change));
      const answer = await withoutStall(stage.packetboat, () =>
        stage.grpc.call(MessagesServiceService.sendMessage, request),
      );
      expect(sorted(answer.violations.map(({ field, reason }) => [field, reason]))).toEqual(sorted(faults));
      expect([answer.code, answer.reason]).toEqual([status.INVALID_ARGUMENT, 'validation_failed']);
      const texts = [answer.message, ...answer.violations.map(({ description }) => description)];
      expect(texts.filter((text) => !SENTENCE.test(text) || /c4nary/i.test(text))).toEqual([]);
    });
  });

  it.each(Object.entries(shapes))('of the wrong shape: %s', async (_, [change, faults]) => {
    const answer = await withoutStall(stage.packetboat, () => stage.rest.send(changed(change)));
    expect(sorted(errorsOf(answer).map(({ field, code }) => [field, code]))).toEqual(sorted(faults));
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
    expectPolite(answer);
  });

  it.each(Object.entries(bodies))('a body of %s', async (_, [body, faults = []]) => {
    const answer = await withoutStall(stage.packetboat, () => stage.rest.send(body));
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
    expect(sorted(errorsOf(answer).map(({ field, code }) => [field, code]))).toEqual(sorted(faults));
    expectPolite(answer);
  });

  it.each([
    ['one byte', Buffer.from([0xff])],
    ['a text that is no UTF-8', Buffer.from([0x42, 0x02, 0xc3, 0x28])],
    ['a length beyond its end', Buffer.from([0x0a, 0x7f, 0x61])],
    ['groups, 10,000 deep', Buffer.alloc(10_000, 0x0b)],
    [
      '100,000 empty addresses',
      Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0x12, 0x00]))),
    ],
  ])('gRPC with a message of %s is refused', async (_, bytes) => {
    const answer = await withoutStall(stage.packetboat, () =>
      stage.grpc.callRaw(MessagesServiceService.sendMessage, bytes),
    );
    expect([status.INVALID_ARGUMENT, status.INTERNAL]).toContain(answer.code);
  });

  it.each([
    [
      'a number above the range',
      { name: 'a key', requests_per_minute: 2 ** 31 },
      400,
      ['requests_per_minute out_of_range'],
    ],
    [
      'a number that is no whole one',
      { name: 'a key', requests_per_minute: 1.5 },
      400,
      ['requests_per_minute out_of_range'],
    ],
    [
      'a number as a text',
      { name: 'a key', requests_per_minute: '5' },
      400,
      ['requests_per_minute wrong_type'],
    ],
    [
      'a number below 1',
      { name: 'a key', requests_per_minute: 0 },
      422,
      ['requests_per_minute out_of_range'],
    ],
    [
      'a scope of nobody',
      { name: 'a key', scopes: ['messages:send', 'c4nary'] },
      422,
      ['scopes[1] invalid_scope'],
    ],
    ['no name', {}, 422, ['name missing']],
  ])('a key with %s is refused', async (_, body, code, faults) => {
    const answer = await stage.rest.post('/v1/keys', body);
    expect(answer.status).toBe(code);
    expect(sorted(errorsOf(answer).map((error) => [error.field, error.code]))).toEqual(faults);
    expectPolite(answer);
  });

  it.each([
    ['no address', { recipient: 'c4nary' }, 422, ['recipient invalid_address']],
    ['a query', { recipient: { $gt: '' } }, 400, ['recipient wrong_type']],
    [
      'a reason of many words',
      { recipient: 'a@example.com', reason: 'c4nary because of that' },
      422,
      ['reason invalid_reason'],
    ],
  ])('a suppression of %s is refused', async (_, body, code, faults) => {
    const answer = await stage.rest.post('/v1/suppressions', body);
    expect(answer.status).toBe(code);
    expect(sorted(errorsOf(answer).map((error) => [error.field, error.code]))).toEqual(faults);
    expectPolite(answer);
  });

  it.each(['%24gt', '..%2f..%2fetc', '%00', 'msg_', `msg_${'x'.repeat(5_000)}`, '%ff%fe', '__proto__'])(
    'an id that is %s is 4xx',
    async (id) => {
      for (const method of ['GET', 'DELETE']) {
        const answer = await stage.rest.request(method, `/v1/messages/${id}`);
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
      }
    },
  );

  describe('unusual but valid requests', () => {
    it.each<readonly [string, BodyChange]>([
      [
        'names that a database could take for its own',
        { metadata: { $set: { 'a.b': 1 }, 'c\0d': 2, '': 3 } },
      ],
      ['NUL in a text', { text: 'a\0b' }],
      ['a blank text beside an html', { text: ' ', html: '<p>Hello</p>' }],
      ['a time in the past, which means now', { scheduled_time: '2000-01-01T00:00:00Z' }],
      ['a time with an offset', { scheduled_time: '2026-04-19t16:30:00.123456789+02:00' }],
      ['null for what is absent', { html: null, cc: null, scheduled_time: null }],
      [
        'an address of 254 octets',
        { to: [`a@${'x'.repeat(60)}.${'x'.repeat(60)}.${'x'.repeat(60)}.${'x'.repeat(60)}.example`] },
      ],
    ])('%s', async (title, change) => {
      const metadata = { title, ...(change.metadata as JsonObject | undefined) };
      const id = await stage.rest.accepted(changed({ ...change, metadata }));
      expect((await stage.rest.until(id, 'delivered')).metadata).toEqual(metadata);
    });
  });

  afterAll(async () => {
    // once the last message has arrived, no earlier message is in flight
    await stage.rest.accepted(changed({ to: ['the-last@example.com'] }));
    await untilMailTo(stage.sink, 'the-last@example.com');
    const strangers = stage.sink.mails
      .flatMap(({ to }) => to)
      .filter((address) => /c4nary|victim|user-\d/i.test(address));
    expect(strangers).toEqual([]);
    expect(stage.sink.mails.filter(({ raw }) => /c4nary/i.test(raw?.toString('latin1') ?? ''))).toEqual([]);
    await vi.waitFor(
      async () => expect(withoutMessages(await leftovers(stage.packetboat))).toBe(withoutMessages(before)),
      {
        timeout: 10_000,
      },
    );
  });
});

/** The valid requests of this file leave messages. */
const withoutMessages = (kept: string): string => kept.replace(/^messages: .*$/gm, '');
