// The life of a message: schedules, cancelling, suppressions, rejections by the next hop, and the
// timeline of events. The tests of this file run concurrently; one script tells the sink what to do
// with each recipient.

import { beforeAll, describe, expect, it } from 'vitest';
import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import type { Rule } from '../support/smtp-sink-rules.ts';
import { mailsTo, untilMailTo } from './mails.ts';
import { sender } from './objects.ts';
import { codeOf, type JsonObject, type ShownEvent } from './rest-client.ts';
import { onEachSubject } from './stage.ts';

const objects = [
  sender('shop', { retry: { delaysSeconds: [1, 2] }, limits: { messagesPerSecond: 0 } }),
  sender('patient', { retry: { delaysSeconds: [3600] }, limits: { messagesPerSecond: 0 } }),
  sender('once', { copies: 'AtMostOnce', limits: { messagesPerSecond: 0 } }),
  sender('paced', { limits: { messagesPerSecond: 5 } }),
  sender('held', { suspend: true }),
];

const rules: readonly Rule[] = [
  { at: 'rcpt', to: 'deferred-twice@example.com', times: 2, reply: '451 4.7.1 greylisted' },
  { at: 'dot', to: 'deferred-always@example.com', reply: '452 4.2.2 mailbox full' },
  { at: 'rcpt', to: 'bounced@example.com', reply: '550 5.1.1 no such user' },
  { at: 'dot', to: 'bounced-at-dot@example.com', reply: '554 5.7.1 not wanted' },
  { at: 'rcpt', to: 'mixed-b@example.com', reply: '550 5.1.1 no such user' },
  { at: 'rcpt', to: '@waiting.example', reply: '451 4.7.1 greylisted' },
  { at: 'dot', to: 'lost@example.com', times: 1, drop: 'reset' },
  { at: 'dot', to: 'lost-once@example.com', times: 1, drop: 'reset' },
  { at: 'dot', to: 'in-flight@example.com', hang: true },
  { at: 'rcpt', to: 'in-flight-deferred@example.com', hang: true, times: 1, reply: '451 4.7.1 later' },
];

const request = (recipient: string, more: JsonObject = {}): JsonObject => ({
  recipient,
  sender: 'shop',
  subject: 'Hello',
  text: 'Hello',
  ...more,
});
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();
const types = (events: readonly ShownEvent[]): string[] => events.map(({ type }) => type);

onEachSubject('lifecycle', { size: 2, objects, rules }, (stage) => {
  describe.concurrent('at once', () => {
    it('a delivered message has a timeline without gaps, its times and the reply of the server', async () => {
      const id = await stage.rest.accepted(
        request('delivered@example.com', { tags: { kind: 'test' }, metadata: { order: [1, { two: null }] } }),
      );
      const message = await stage.rest.until(id, 'delivered');
      expect(message).toMatchObject({
        message_id: id,
        recipient: 'delivered@example.com',
        subject: 'Hello',
        sender: 'shop',
        environment: 'live',
        priority: 'normal',
        copies: 'at_least_once',
        tags: { kind: 'test' },
        metadata: { order: [1, { two: null }] },
        deliveries: [
          {
            recipient: 'delivered@example.com',
            status: 'delivered',
            attempts: 1,
            route: 'relay',
            last_reply: { stage: 'dot', code: 250 },
          },
        ],
      });
      const events = await stage.rest.events(id);
      expect(types(events)).toEqual(['queued', 'accepted', 'delivered']);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
      expect(
        events.every(
          ({ message_id, recipient }) => message_id === id && recipient === 'delivered@example.com',
        ),
      ).toBe(true);
      expect(events[2]?.data).toMatchObject({ attempt: 1, counted: true, code: 250, route: 'relay' });
    });

    it('a delivery with a 4xx is retried by the schedule, never early', async () => {
      const id = await stage.rest.accepted(request('deferred-twice@example.com'));
      const message = await stage.rest.until(id, 'delivered');
      expect(message.deliveries[0]?.attempts).toBe(3);
      const events = await stage.rest.events(id);
      expect(types(events)).toEqual(['queued', 'accepted', 'deferred', 'deferred', 'delivered']);
      expect(events[2]?.data).toMatchObject({
        attempt: 1,
        counted: true,
        stage: 'rcpt',
        code: 451,
        enhanced: '4.7.1',
      });
      // The schedule counts from an attempt's end, a moment before the write that tells of it, so
      // at the earliest from its claim. Events bear the store's time, which a dispatcher knows
      // within the skew only.
      const at = events.map((event) => Date.parse(event.at));
      const next = events.map((event) => Date.parse(String(event.data.next_attempt_at)));
      expect(next[2]).toBeGreaterThanOrEqual((at[1] ?? 0) - deliveryLimits.clockSkewMs + 1_000);
      expect(at[3]).toBeGreaterThanOrEqual((next[2] ?? 0) - deliveryLimits.clockSkewMs);
      expect(next[3]).toBeGreaterThanOrEqual((next[2] ?? 0) + 2_000);
      expect(at[4]).toBeGreaterThanOrEqual((next[3] ?? 0) - deliveryLimits.clockSkewMs);
    });

    it('the last transient failure bounces the delivery once, and no second copy is sent', async () => {
      const id = await stage.rest.accepted(request('deferred-always@example.com'));
      const message = await stage.rest.until(id, 'bounced');
      expect(message.deliveries[0]).toMatchObject({ attempts: 3, last_reply: { stage: 'dot', code: 452 } });
      expect(types(await stage.rest.events(id))).toEqual([
        'queued',
        'accepted',
        'deferred',
        'deferred',
        'bounced',
      ]);
      expect(mailsTo(stage.sink, 'deferred-always@example.com')).toEqual([]);
    });

    it.each([
      ['rcpt', 'bounced@example.com', 550],
      ['dot', 'bounced-at-dot@example.com', 554],
    ])('a 5xx at %s bounces at once', async (at, recipient, code) => {
      const id = await stage.rest.accepted(request(recipient));
      const message = await stage.rest.until(id, 'bounced');
      expect(message.deliveries[0]).toMatchObject({ attempts: 1, last_reply: { stage: at, code } });
      expect(message.deliveries[0]).not.toHaveProperty('next_attempt_at');
      expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'bounced']);
    });

    it('each recipient has its own outcome; the status of the message is the one with the highest precedence', async () => {
      const id = await stage.rest.accepted({
        ...request(''),
        recipient: undefined,
        to: ['mixed-a@example.com'],
        cc: ['mixed-b@example.com'],
      });
      const message = await stage.rest.until(id, 'bounced');
      expect(message.deliveries.map(({ status }) => status)).toEqual(['delivered', 'bounced']);
      const events = await stage.rest.events(id);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('with at_least_once, a lost reply leads to a second copy with the same Message-ID and bytes', async () => {
      const id = await stage.rest.accepted(request('lost@example.com'));
      await stage.rest.until(id, 'delivered');
      expect(stage.sink.copies().filter(({ recipient }) => recipient === 'lost@example.com')).toMatchObject([
        { copies: 2, contents: 1 },
      ]);
    });

    it('with at_most_once, a delivery with a lost reply ends as unknown and is never sent again', async () => {
      const id = await stage.rest.accepted(request('lost-once@example.com', { copies: 'at_most_once' }));
      await stage.rest.until(id, 'unknown');
      expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'unknown']);
      expect(mailsTo(stage.sink, 'lost-once@example.com')).toHaveLength(1);
      expect((await stage.rest.delete(`/v1/messages/${id}`)).status).toBe(404);
    });

    it("the copy policy is the sender's where the request has none", async () => {
      const id = await stage.rest.accepted(request('policy@example.com', { sender: 'once' }));
      expect((await stage.rest.message(id)).copies).toBe('at_most_once');
    });

    it('a delivery that could not be sent before expires_at expires', async () => {
      const id = await stage.rest.accepted(
        request('a@waiting.example', { sender: 'patient', expires_at: inSeconds(3) }),
      );
      const deferred = await stage.rest.until(id, 'deferred');
      expect(deferred.deliveries[0]?.last_reply).toMatchObject({ code: 451 });
      await stage.rest.until(id, 'expired');
      expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'deferred', 'expired']);
    });

    it('a scheduled message is not sent before its time', async () => {
      const scheduled_time = inSeconds(3);
      const answer = await stage.rest.send(request('scheduled@example.com', { scheduled_time }));
      expect(answer.body).toMatchObject({ status: 'scheduled' });
      const id = String(answer.body.message_id);
      expect(await stage.rest.message(id)).toMatchObject({
        status: 'scheduled',
        scheduled_time,
        deliveries: [{ next_attempt_at: scheduled_time }],
      });
      await stage.rest.until(id, 'delivered');
      const events = await stage.rest.events(id);
      expect(types(events)).toEqual(['scheduled', 'queued', 'accepted', 'delivered']);
      expect(Date.parse(events[1]?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(scheduled_time));
    });

    it('a cancelled message is never sent, and cancelling it again returns the same response', async () => {
      const due = Date.now() + 2_000;
      const id = await stage.rest.accepted(
        request('cancelled@example.com', { scheduled_time: new Date(due).toISOString() }),
      );
      const answer = await stage.rest.delete(`/v1/messages/${id}`);
      expect(answer).toMatchObject({ status: 200, body: { message_id: id, status: 'cancelled' } });
      expect(await stage.rest.delete(`/v1/messages/${id}`)).toMatchObject({ status: 200, body: answer.body });
      // the delivery of a later scheduled message shows that the time of this one has passed
      const later = await stage.rest.accepted(
        request('after-cancelled@example.com', { scheduled_time: new Date(due + 1_000).toISOString() }),
      );
      await stage.rest.until(later, 'delivered');
      expect(mailsTo(stage.sink, 'cancelled@example.com')).toEqual([]);
      expect(types(await stage.rest.events(id))).toEqual(['scheduled', 'cancelled']);
    });

    it('a deferred message can be cancelled', async () => {
      const id = await stage.rest.accepted(request('b@waiting.example', { sender: 'patient' }));
      await stage.rest.until(id, 'deferred');
      expect((await stage.rest.delete(`/v1/messages/${id}`)).status).toBe(200);
      expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'deferred', 'cancelled']);
    });

    it('cancelling a sent message, or an unknown id, returns 404', async () => {
      const id = await stage.rest.accepted(request('sent@example.com'));
      await stage.rest.until(id, 'delivered');
      const answer = await stage.rest.delete(`/v1/messages/${id}`);
      expect(answer.status).toBe(404);
      expect(codeOf(answer)).toBe('already_sent');
      expect((await stage.rest.delete('/v1/messages/msg_abc123xyz')).status).toBe(404);
    });

    it('cancelling a message in flight returns 409 and cancels its waiting deliveries at once', async () => {
      const id = await stage.rest.accepted({
        ...request(''),
        recipient: undefined,
        sender: 'patient',
        to: ['in-flight@example.com', 'c@waiting.example'],
      });
      await stage.rest.untilMessage(
        id,
        ({ deliveries }) =>
          deliveries[0]?.status === 'sending' &&
          deliveries[1]?.status === 'deferred' &&
          mailsTo(stage.sink, 'in-flight@example.com').length === 1,
        'hang at the dot',
      );
      const answer = await stage.rest.delete(`/v1/messages/${id}`);
      expect(answer.status).toBe(409);
      expect(codeOf(answer)).toBe('in_flight');
      expect((await stage.rest.message(id)).deliveries.map(({ status }) => status)).toEqual([
        'sending',
        'cancelled',
      ]);
      await releaseAll();
      const ended = await stage.rest.untilMessage(id, ({ status }) => status !== 'sending', 'end');
      expect(ended.deliveries.map(({ status }) => status)).toEqual(['delivered', 'cancelled']);
    });

    it('a message in flight that defers after a cancel is cancelled', async () => {
      const id = await stage.rest.accepted(request('in-flight-deferred@example.com'));
      await stage.sink.until(({ hanging }) => hanging.rcpt === 1);
      expect((await stage.rest.delete(`/v1/messages/${id}`)).status).toBe(409);
      await releaseAll();
      await stage.rest.until(id, 'cancelled');
      expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'cancelled']);
    });

    /** Both tests that hang let go at once only when both have looked: release frees everybody. */
    const bothHang = Promise.withResolvers<void>();
    let looked = 0;
    async function releaseAll(): Promise<void> {
      looked += 1;
      if (looked === 2) {
        stage.sink.release();
        bothHang.resolve();
      }
      await bothHang.promise;
    }

    it('a suppressed recipient gets neither later messages nor messages that were accepted before', async () => {
      const before = await stage.rest.accepted(
        request('Suppressed@example.com', { scheduled_time: inSeconds(2) }),
      );
      const suppressed = await stage.rest.post('/v1/suppressions', {
        recipient: 'suppressed@EXAMPLE.com',
        reason: 'user_unsubscribed',
      });
      expect(suppressed.status).toBe(201);
      const after = await stage.rest.send(request('suppressed@example.com'));
      expect(after).toMatchObject({ status: 202, body: { status: 'suppressed' } });
      const partly = await stage.rest.send({
        ...request(''),
        recipient: undefined,
        to: ['suppressed@example.com', 'not-suppressed@example.com'],
      });
      expect(partly.body.status).toBe('queued');
      const message = await stage.rest.until(String(partly.body.message_id), 'suppressed');
      expect(message.deliveries.map(({ status }) => status)).toEqual(['suppressed', 'delivered']);
      await stage.rest.until(before, 'suppressed');
      expect(types(await stage.rest.events(before))).toEqual([
        'scheduled',
        'queued',
        'accepted',
        'suppressed',
      ]);
      expect(types(await stage.rest.events(String(after.body.message_id)))).toEqual(['suppressed']);
      expect(
        stage.sink.mails.filter(({ to }) => to.some((address) => /^suppressed@/i.test(address))),
      ).toEqual([]);
    });

    it('mail of a sender above its messages per second is held, and none is lost', async () => {
      const addresses = Array.from({ length: 15 }, (_, i) => `paced-${i}@example.com`);
      const startedAt = Date.now();
      const ids = await Promise.all(
        addresses.map((address) => stage.rest.accepted(request(address, { sender: 'paced' }))),
      );
      for (const id of ids) await stage.rest.until(id, 'delivered');
      const ends = await Promise.all(
        ids.map(async (id) => Date.parse((await stage.rest.events(id)).at(-1)?.at ?? '')),
      );
      // 5 may go at once and 5 each second after: the last five begin in the third second
      expect(Math.max(...ends) - startedAt).toBeGreaterThanOrEqual(1_500);
      for (const address of addresses) expect(mailsTo(stage.sink, address)).toHaveLength(1);
      for (const id of ids)
        expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'delivered']);
    });

    it("a suspended sender's mail is held, and goes when it may again", { timeout: 120_000 }, async () => {
      const id = await stage.rest.accepted(request('held@example.com', { sender: 'held' }));
      const held = await stage.rest.untilMessage(
        id,
        ({ deliveries }) => deliveries[0]?.hold !== undefined,
        'be held',
      );
      expect(held).toMatchObject({ status: 'queued', deliveries: [{ hold: 'suspended', attempts: 0 }] });
      await stage.writeCatalog(
        'catalog.yaml',
        objects.map((object) => (object.metadata.name === 'held' ? sender('held') : object)),
      );
      // held mail is planned again once a minute
      await stage.rest.until(id, 'delivered', 90_000);
      expect(types(await stage.rest.events(id))).toEqual(['queued', 'accepted', 'delivered']);
    });
  });
});

onEachSubject(
  'lists',
  { objects: [sender('shop', { limits: { messagesPerSecond: 0 } }), sender('other')] },
  (stage) => {
    describe('lists', () => {
      const ids: string[] = [];
      const rows = (body: JsonObject) =>
        (body.messages as { message_id: string; [field: string]: unknown }[]).map(
          ({ message_id }) => message_id,
        );
      let middle = '';
      beforeAll(async () => {
        for (let i = 0; i < 7; i++) {
          if (i === 4) middle = new Date().toISOString();
          ids.unshift(
            await stage.rest.accepted(
              request(`list-${i % 2}@example.com`, {
                sender: i === 0 ? 'other' : 'shop',
                environment: i === 1 ? 'testing' : 'live',
                tags: { n: String(i) },
              }),
            ),
          );
        }
        for (const id of ids) await stage.rest.until(id, 'delivered');
        await untilMailTo(stage.sink, 'list-0@example.com', 4);
      });

      it('are newest first, and a row has the fields of a summary', async () => {
        const { body } = await stage.rest.get('/v1/messages');
        expect(rows(body)).toEqual(ids);
        expect((body.messages as JsonObject[])[0]).toMatchObject({
          message_id: ids[0],
          status: 'delivered',
          recipient: 'list-0@example.com',
          recipients: 1,
          subject: 'Hello',
          sender: 'shop',
          environment: 'live',
          tags: { n: '6' },
        });
        expect(body).not.toHaveProperty('next_cursor');
      });

      it.each([
        ['status=delivered', [0, 1, 2, 3, 4, 5, 6]],
        ['status=bounced', []],
        ['recipient=list-1@example.com', [1, 3, 5]],
        ['recipient=list-1%40EXAMPLE.com', [1, 3, 5]],
        ['sender=other', [6]],
        ['environment=testing', [5]],
        ['template=none', []],
        ['limit=2', [0, 1]],
        ['status=delivered&recipient=list-0@example.com&sender=shop&limit=2', [0, 2]],
      ] as const)('?%s', async (query, found) => {
        const { status, body } = await stage.rest.get(`/v1/messages?${query}`);
        expect(status).toBe(200);
        expect(rows(body)).toEqual(found.map((i) => ids[i]));
      });

      it('created_after and created_before split the list without overlap', async () => {
        const after = await stage.rest.get(`/v1/messages?created_after=${middle}`);
        const before = await stage.rest.get(`/v1/messages?created_before=${middle}`);
        expect([...rows(after.body), ...rows(before.body)]).toEqual(ids);
        expect(rows(after.body).length).toBeGreaterThan(0);
      });

      it('cursors lead through all pages, and a new message does not shift them', async () => {
        const seen: string[] = [];
        let cursor = '';
        for (let page = 0; page < 4; page++) {
          const { body } = await stage.rest.get(
            `/v1/messages?limit=2&status=delivered${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
          );
          seen.push(...rows(body));
          cursor = String(body.next_cursor ?? '');
          if (page === 0) ids.unshift(await stage.rest.accepted(request('list-new@example.com')));
        }
        expect(cursor).toBe('');
        expect(seen).toEqual(ids.slice(1));
      });

      it.each([
        [
          'one letter changed',
          (cursor: string) => `${cursor.slice(0, -2)}${cursor.at(-2) === 'A' ? 'B' : 'A'}${cursor.slice(-1)}`,
          '',
        ],
        ['cut short', (cursor: string) => cursor.slice(0, 10), ''],
        ['made up', () => 'bm90IGEgY3Vyc29y', ''],
        ['of other filters', (cursor: string) => cursor, '&sender=shop'],
      ])('a cursor that is %s is refused', async (_, change, more) => {
        const { body } = await stage.rest.get('/v1/messages?limit=2');
        const answer = await stage.rest.get(
          `/v1/messages?limit=2${more}&cursor=${encodeURIComponent(change(String(body.next_cursor)))}`,
        );
        expect(answer.status).toBe(422);
        expect(answer.text).toContain('invalid_cursor');
      });

      it.each([
        'limit=0',
        'limit=101',
        'limit=-1',
        'limit=1.5',
        'limit=many',
        'status=gone',
        'unknown=1',
        'created_after=yesterday',
        'recipient=nobody',
        'limit=1&limit=2',
      ])('?%s is refused and names the parameter', async (query) => {
        const answer = await stage.rest.get(`/v1/messages?${query}`);
        expect([400, 422]).toContain(answer.status);
        expect(
          (answer.body.error as { errors: { field: string }[] }).errors.map(({ field }) => field),
        ).toEqual([query.split('=')[0]]);
      });
    });
  },
);
