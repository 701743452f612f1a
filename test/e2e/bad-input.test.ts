// Invalid requests over REST and gRPC. Each row expects the right status, each fault with its path,
// and a message for people that repeats nothing of the request; no event loop may stall. At the
// end, nothing was sent and no content is left.
//
// The process that ran this file once exited in the middle of a run; Vitest did not say how.
// Searched for since: three runs at load averages of 24 to 33 on two cores, in which no process
// exited (two of the three had an event loop that stalled, as such a load explains). The process
// reaches 1.3 GiB of memory, far from a limit there, and rejects nothing unhandled. If it happens
// again, the end of the run reports the signal or exit code (test/support/totals.ts).

import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { MessagesServiceService, SendMessageRequest } from '../../proto/gen/packetboat/v1/messages.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import { type BodyChange, bodies, good, rows, shapes } from './bad-requests.ts';
import { withoutStall } from './event-loop.ts';
import { leftovers } from './leftovers.ts';
import { readByMailparser, untilMailTo } from './mails.ts';
import { sender, template } from './objects.ts';
import { codeOf, errorsOf, type JsonObject, type RestAnswer } from './rest-client.ts';
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

const SENTENCE = /^[A-Z0-9][\s\S]*[.?]$/;
const MINUTES = 120_000;

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
  /** Each message of a refusal is a sentence for people, and repeats nothing of the request. */
  function expectPolite(answer: RestAnswer): void {
    const { message } = answer.body.error as { readonly message: string };
    expect(
      [message, ...errorsOf(answer).map((error) => error.message)].filter((text) => !SENTENCE.test(text)),
    ).toEqual([]);
    expect(answer.text).not.toMatch(/c4nary/i);
    expect(answer.headers.get('x-request-id')).toBeTruthy();
    expect(answer.headers.get('x-ratelimit-remaining')).toBeTruthy();
  }
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

  it.each(Object.entries(bodies))('a body of %s', { timeout: MINUTES }, async (_, [body, faults = []]) => {
    const answer = await withoutStall(stage.packetboat, () => stage.rest.send(body));
    expect([answer.status, codeOf(answer)]).toEqual([400, 'invalid_request']);
    expect(sorted(errorsOf(answer).map(({ field, code }) => [field, code]))).toEqual(sorted(faults));
    expectPolite(answer);
  });

  it.each([
    ['where there is nothing', 'POST', '/x', null, 404],
    ['with a method that is not there', 'PUT', '/v1/messages', null, 405],
    ['without a key', 'POST', '/v1/messages', null, 401],
    ['with a malformed key', 'POST', '/v1/messages', 'sk_live_c4nary', 401],
    ['with an unknown key', 'POST', '/v1/messages', `sk_live_${'c4nary_'.repeat(4)}`, 401],
  ])('50 MB of {}, %s stalls nothing', { timeout: MINUTES }, async (_, method, path, key, code) => {
    const body = Buffer.alloc(50_000_000, '{},');
    const ask = () =>
      stage.rest
        .withKey(key)
        .request(method, path, { body, headers: { 'content-type': 'application/json' } });
    const [answer, ...others] = await withoutStall(stage.packetboat, () =>
      Promise.all([ask(), ask(), ask(), ask()]),
    );
    expect([answer, ...others].map(({ status: seen }) => seen)).toEqual([code, code, code, code]);
    expectPolite(answer);
    expect(answer.headers.get('x-ratelimit-limit')).toBe('0');
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

  describe('size', () => {
    /** A request of exactly this many bytes, nearly all of them attachment. */
    function ofBytes(
      bytes: number,
      recipient: string,
    ): { readonly body: Buffer<ArrayBuffer>; readonly content: Buffer } {
      const head = Buffer.from(
        `${JSON.stringify({ ...good, to: [recipient] }).slice(0, -1)},"attachments":[{"filename":"a.bin","content":"`,
      );
      const tail = Buffer.from('"}]}');
      const content = randomBytes(Math.floor((bytes - head.length - tail.length) / 4) * 3);
      const whole = Buffer.concat([head, Buffer.from(content.toString('base64')), tail]);
      return { body: Buffer.concat([whole, Buffer.alloc(bytes - whole.length, ' ')]), content };
    }

    it('50 MiB are accepted; one byte more returns 413', { timeout: MINUTES }, async () => {
      const { body, content } = ofBytes(doorLimits.bodyBytesMax, 'largest@example.com');
      const id = await withoutStall(stage.packetboat, async () => {
        const answer = await stage.rest.send(body, { 'Idempotency-Key': 'largest' });
        expect(answer.status).toBe(202);
        return String(answer.body.message_id);
      });
      await stage.rest.until(id, 'delivered', 60_000);
      const { attachments } = await readByMailparser(await untilMailTo(stage.sink, 'largest@example.com'));
      expect(Buffer.from(attachments[0]?.content ?? '', 'base64').equals(content)).toBe(true);
      before = await leftovers(stage.packetboat);

      const answer = await withoutStall(stage.packetboat, () =>
        stage.rest.send(ofBytes(doorLimits.bodyBytesMax + 1, 'too-large@example.com').body),
      );
      expect([answer.status, codeOf(answer)]).toEqual([413, 'too_large']);
      expectPolite(answer);
    });

    it('a body without Content-Length that is too large returns 413', { timeout: MINUTES }, async () => {
      const { body } = ofBytes(doorLimits.bodyBytesMax + 1, 'too-large@example.com');
      const pieces = new ReadableStream({
        start(controller) {
          for (let at = 0; at < body.length; at += 1_000_000)
            controller.enqueue(body.subarray(at, at + 1_000_000));
          controller.close();
        },
      });
      const answer = await fetch(`${stage.rest.url}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${stage.rest.key}` },
        body: pieces,
        duplex: 'half',
      });
      expect(answer.status).toBe(413);
    });

    it('no content of a rejected large request stays in the store', async () => {
      const { body } = ofBytes(1_000_000, 'c4nary');
      const answer = await stage.rest.send(body);
      expect(errorsOf(answer).map(({ field }) => field)).toEqual(['to[0]']);
      expectPolite(answer);
    });
  });

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
      .filter((address) => /c4nary|victim|too-large|user-\d/i.test(address));
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

/** The valid requests of this file leave messages, and figures of their sender. */
const withoutMessages = (kept: string): string => kept.replace(/^(?:messages|senderFigures): .*$/gm, '');
