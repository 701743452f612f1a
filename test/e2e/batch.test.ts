// A batch over REST and gRPC: each message has its own result, key and fate, and counts as one
// request.

import { randomBytes, randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  type BatchResult,
  MessagesServiceService,
  SendMessageBatchRequest,
  SendMessageRequest,
} from '../../proto/gen/packetboat/v1/messages.ts';
import { mailsTo, readByMailparser, untilMailTo } from './mails.ts';
import { sender } from './objects.ts';
import { expectPolite } from './polite.ts';
import { codeOf, errorsOf, type JsonObject, type RestAnswer, type RestClient } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

type Result = JsonObject & {
  readonly message_id?: string;
  readonly replayed?: boolean;
  readonly error?: { readonly code: string; readonly errors: readonly { readonly field: string }[] };
};
const resultsOf = ({ body }: RestAnswer): readonly Result[] => body.results as readonly Result[];
const message = (name: string, more: JsonObject = {}): JsonObject => ({
  recipient: `${name}@example.com`,
  subject: 'One of many',
  text: 'Hello.',
  ...more,
});
const batch = (rest: RestClient, messages: unknown, headers: Record<string, string> = {}) =>
  rest.post('/v1/messages/batch', { messages }, headers);

onEachSubject(
  'a batch',
  { size: 2, objects: [sender('shop', { limits: { messagesPerSecond: 0 } })] },
  (stage) => {
    it('of 500 messages is stored and sent, and repeated it stores nothing', {
      timeout: 120_000,
    }, async () => {
      const messages = Array.from({ length: 500 }, (_, i) =>
        message(`many-${i}`, { idempotency_key: `many-${i}` }),
      );
      const first = await batch(stage.rest, messages);
      const again = await batch(stage.rest, messages);
      expect([first.status, again.status]).toEqual([200, 200]);
      expect(resultsOf(first).map(({ recipient, replayed }) => [recipient, replayed])).toEqual(
        messages.map(({ recipient }) => [recipient, false]),
      );
      expect(resultsOf(again)).toEqual(resultsOf(first).map((result) => ({ ...result, replayed: true })));
      const last = resultsOf(first).at(-1)?.message_id ?? '';
      await stage.rest.until(last, 'delivered', 60_000);
      await stage.sink.until(() => stage.sink.mails.length >= 500);
      expect(new Set(stage.sink.mails.flatMap(({ to }) => to)).size).toBe(500);
      expect(stage.sink.mails).toHaveLength(500);
    });

    it('has a result for each message: a fault of one does not affect the others', async () => {
      const answer = await batch(stage.rest, [
        message('mixed-1'),
        message('mixed-2', { to: ['c4nary'] }),
        message('mixed-3', { subject: 3, no_field: true }),
        message('mixed-4', { from: 'a@other.example' }),
        message('mixed-5', { idempotency_key: '' }),
        message('mixed-6'),
      ]);
      expect(answer.status).toBe(200);
      expect(
        resultsOf(answer).map(({ error, message_id }) => [
          typeof message_id,
          error?.code,
          error?.errors.map(({ field }) => field).toSorted(),
        ]),
      ).toEqual([
        ['string', undefined, undefined],
        ['undefined', 'validation_failed', ['to[0]']],
        ['undefined', 'invalid_request', ['no_field', 'subject']],
        ['undefined', 'validation_failed', ['from']],
        ['undefined', 'validation_failed', ['idempotency_key']],
        ['string', undefined, undefined],
      ]);
      expect(answer.text).not.toMatch(/c4nary/);
      await untilMailTo(stage.sink, 'mixed-6@example.com');
      expect(mailsTo(stage.sink, 'mixed-2@example.com')).toEqual([]);
    });

    it('a name that is twice in one message refuses that message only', async () => {
      const answer = await stage.rest.post(
        '/v1/messages/batch',
        `{"messages":[${JSON.stringify(message('twice-1'))},{"to":["a@example.com"],"to":["b@example.com"],"subject":"a","text":"a"}]}`,
      );
      expect(resultsOf(answer).map(({ error }) => error?.errors.map(({ field }) => field))).toEqual([
        undefined,
        ['to'],
      ]);
    });

    it('carries attachments, each with its message', async () => {
      const files = [randomBytes(100_000), randomBytes(300_000), randomBytes(10)];
      const answer = await batch(
        stage.rest,
        files.map((file, i) =>
          message(`file-${i}`, {
            attachments: [{ filename: 'a.bin', content: file.toString('base64') }],
          }),
        ),
      );
      expect(resultsOf(answer).map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
      for (const [i, file] of files.entries()) {
        const { attachments } = await readByMailparser(
          await untilMailTo(stage.sink, `file-${i}@example.com`),
        );
        expect(attachments[0]?.content).toBe(file.toString('base64'));
      }
    });

    describe('is refused as a whole', () => {
      it.each<readonly [string, unknown, number, string, string]>([
        ['without messages', [], 422, 'validation_failed', 'messages'],
        ['with null', null, 422, 'validation_failed', 'messages'],
        ['with a text', 'c4nary', 400, 'invalid_request', 'messages'],
        ['with an object', { 0: message('a') }, 400, 'invalid_request', 'messages'],
        ['with a number among its messages', [message('a'), 3], 400, 'invalid_request', 'messages[1]'],
        [
          'with 501 messages',
          Array.from({ length: 501 }, () => message('whole')),
          422,
          'validation_failed',
          'messages',
        ],
      ])('%s', async (_, messages, code, word, field) => {
        const answer = await batch(stage.rest, messages);
        expect([answer.status, codeOf(answer), errorsOf(answer).map((error) => error.field)]).toEqual([
          code,
          word,
          [field],
        ]);
        expectPolite(answer);
      });

      it.each(['Idempotency-Key', 'X-Idempotency-Key'])('with the header %s', async (name) => {
        const answer = await batch(stage.rest, [message('whole')], { [name]: randomUUID() });
        expect([answer.status, errorsOf(answer).map(({ field }) => field)]).toEqual([
          400,
          ['messages[].idempotency_key'],
        ]);
        expectPolite(answer);
      });

      it('with an unknown field, or a repeated one, beside the messages', async () => {
        for (const body of [
          `{"messages":[${JSON.stringify(message('whole'))}],"mesages":[]}`,
          `{"messages":[],"messages":[${JSON.stringify(message('whole'))}]}`,
        ])
          expect((await stage.rest.post('/v1/messages/batch', body)).status).toBe(400);
      });

      it('when it exceeds what is left of the limit, which it then does not use up', async () => {
        const made = await stage.rest.post('/v1/keys', { name: 'slow', requests_per_minute: 10 });
        const slow = stage.rest.withKey(String(made.body.secret));
        const of = (count: number) =>
          batch(
            slow,
            Array.from({ length: count }, () => message('counted')),
          );
        const fits = await of(6);
        expect([fits.status, fits.headers.get('x-ratelimit-remaining')]).toEqual([200, '4']);
        const exceeds = await of(6);
        expect([exceeds.status, codeOf(exceeds)]).toEqual([429, 'rate_limited']);
        expect(Number(exceeds.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(exceeds.body).not.toHaveProperty('results');
        expect((await of(11)).status).toBe(429);
        expect((await of(4)).status).toBe(200);
      });

      it('nothing of which was sent', async () => {
        await stage.rest.accepted(message('the-last'));
        await untilMailTo(stage.sink, 'the-last@example.com');
        expect(mailsTo(stage.sink, 'whole@example.com')).toEqual([]);
      });
    });

    describe('over gRPC', () => {
      const call = (messages: readonly JsonObject[], metadata: Record<string, string> = {}) =>
        stage.grpc.call(
          MessagesServiceService.sendMessageBatch,
          SendMessageBatchRequest.fromPartial({
            messages: messages.map((each) => SendMessageRequest.fromPartial(each as object)),
          }),
          metadata,
        );

      it('has the results of REST', async () => {
        const messages = Array.from({ length: 130 }, (_, i) =>
          message(`grpc-${i}`, {
            idempotency_key: `grpc-${i}`,
            ...(i === 70 ? { to: [{ email: 'c4nary', name: '' }] } : {}),
          }),
        );
        const { code, response } = await call(messages);
        expect(code).toBe(0);
        const results: readonly BatchResult[] = response?.results ?? [];
        expect(results).toHaveLength(130);
        expect(results.flatMap(({ error }, i) => (error === undefined ? [] : [[i, error.errors]]))).toEqual([
          [70, [expect.objectContaining({ field: 'to[0]', code: 'invalid_address' })]],
        ]);
        const rest = await batch(stage.rest, messages);
        expect(resultsOf(rest).map(({ message_id }) => message_id)).toEqual(
          results.map(({ message_id }) => message_id),
        );
        await untilMailTo(stage.sink, 'grpc-129@example.com');
      });

      it('is refused as a whole', async () => {
        const none = await call([]);
        expect([none.code, none.reason]).toEqual([status.INVALID_ARGUMENT, 'validation_failed']);
        const many = await call(Array.from({ length: 501 }, () => message('whole')));
        expect(many.violations.map(({ reason }) => reason)).toEqual(['too_many_messages']);
        const keyed = await call([message('whole')], { 'idempotency-key': 'a' });
        expect(keyed.violations.map(({ field }) => field)).toEqual(['messages[].idempotency_key']);
      });
    });
  },
);
