// What every MessageStore promises. An adapter's test opens by calling this with a way to get an
// empty store; nothing in here sleeps.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reach } from '../../services/core/access/caller.ts';
import type { Change, DeliveryState, Progress } from '../../services/core/delivery/delivery.ts';
import {
  type Message,
  messageStatuses,
  statusOf,
  type Tier,
  tiers,
} from '../../services/core/delivery/message.ts';
import type { MessageId } from '../../services/core/ids.ts';
import type {
  Backlog,
  Found,
  Inserted,
  ListQuery,
  MessageStore,
  NewMessage,
} from '../../services/ports/message-store.ts';
import {
  newBlobId,
  newMessageId,
  type Sample,
  type SampleDelivery,
  sampleMessage,
} from './sample-message.ts';

export interface MessageStoreSubject extends AsyncDisposable {
  readonly store: MessageStore;
  /** Moves the store's clock on by at least this much. */
  elapse(ms: number): Promise<void>;
  /** Closes the store and opens it again over the same data. Absent where nothing is kept. */
  readonly reopen?: () => Promise<MessageStore>;
}

const MINUTE = 60_000;
const RACERS = 100;

export function messageStoreContract(name: string, open: () => Promise<MessageStoreSubject>): void {
  describe(`MessageStore contract: ${name}`, () => {
    let subject: MessageStoreSubject;
    let store: MessageStore;
    /** The store's time at the start of the test. */
    let t0: number;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
      t0 = store.now();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const sample = (more: Partial<Sample> = {}): NewMessage => sampleMessage({ createdAt: t0, ...more });

    async function put(...samples: Partial<Sample>[]): Promise<MessageId[]> {
      const messages = samples.map(sample);
      expect(await store.insert(messages)).toEqual(messages.map(() => 'inserted'));
      return messages.map((message) => message.id);
    }

    async function get(id: MessageId): Promise<Message> {
      const [message] = await store.find([id]);
      if (message === null || message === undefined) throw new Error('the message is not there');
      return message;
    }

    /** A change to the delivery as it is stored now. */
    async function changeOf(
      id: MessageId,
      set: Partial<Progress>,
      event: Change['event'] = null,
      delivery = 0,
    ): Promise<Change> {
      return { message: id, delivery, version: versionOf(await get(id), delivery), set, event };
    }

    describe('insert and find', () => {
      it('gives back every field as it was, after a restart too', async () => {
        const messages = [
          full(t0),
          sample({ deliveries: [{}, { to: 'ben@example.org' }, { to: 'cleo@example.net' }] }),
        ];
        await store.insert(messages);
        const verify = async (reader: MessageStore): Promise<void> => {
          const found = await reader.find(messages.map((message) => message.id));
          expect(found.map(asInserted)).toEqual(messages);
          expect(found.map((message) => message?.events.length)).toEqual([2, 3]);
        };
        await verify(store);
        if (subject.reopen !== undefined) await verify(await subject.reopen());
      });

      it('stamps the events of a message with one time, the clock’s', async () => {
        const [id] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
        const { events } = await get(id ?? missing());
        const [at = missing()] = events.map((event) => event.at);
        expect(events.map((event) => event.at)).toEqual([at, at]);
        expect(at).toBeGreaterThanOrEqual(t0);
        expect(at).toBeLessThanOrEqual(store.now());
      });

      it('gives each delivery a version', async () => {
        const [id] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
        for (const delivery of (await get(id ?? missing())).deliveries) expect(delivery.version).toMatch(/./);
      });

      it('answers a find in the order asked, with null for what is not there, and a repeated id twice', async () => {
        const [a = missing(), b = missing()] = await put({}, {});
        const found = await store.find([b, newMessageId(t0), a, b]);
        expect(found.map((message) => message?.id ?? null)).toEqual([b, null, a, b]);
        expect(await store.find([])).toEqual([]);
        expect(await store.insert([])).toEqual([]);
      });

      it('knows a message whose id is there, and leaves it as it is', async () => {
        const message = sample({ idempotency: { key: 'order-1', fingerprint: 'f' } });
        await store.insert([message]);
        const [change] = [
          await changeOf(message.id, { state: 'delivered', wakeAt: null }, { type: 'delivered', data: {} }),
        ];
        await store.apply([change]);
        const before = await get(message.id);
        expect(await store.insert([message, sample(), message])).toEqual(['known', 'inserted', 'known']);
        expect(await get(message.id)).toEqual(before);
      });

      it('inserts a message once that stands twice in a batch', async () => {
        const message = sample({ idempotency: { key: 'order-1', fingerprint: 'f' } });
        expect(await store.insert([message, message])).toEqual(['inserted', 'known']);
        expect((await get(message.id)).events).toHaveLength(1);
        expect(await store.list({ tenant: 'default', limit: 10 })).toHaveLength(1);
      });

      it('takes a large batch', async () => {
        const ids = await put(...Array.from({ length: 300 }, (_, i) => ({ subject: `number ${i}` })));
        const found = await store.find(ids);
        expect(found.map((message) => message?.subject)).toEqual(ids.map((_, i) => `number ${i}`));
      });
    });

    describe('idempotency keys', () => {
      const keyed = (key: string, more: Partial<Sample> = {}): NewMessage =>
        sample({ idempotency: { key, fingerprint: 'f' }, ...more });

      it('refuses a key that is taken, and stores nothing of that message', async () => {
        const first = keyed('order-1');
        const second = keyed('order-1');
        const other = keyed('order-2');
        expect(await store.insert([first])).toEqual(['inserted']);
        expect(await store.insert([second, other])).toEqual(['key_taken', 'inserted']);
        expect(await store.find([second.id])).toEqual([null]);
        expect((await store.findByIdempotencyKey('default', 'order-1'))?.id).toBe(first.id);
      });

      it('gives a key to the first of a batch', async () => {
        const batch = [keyed('order-1'), keyed('order-1'), keyed('order-1')];
        expect(await store.insert(batch)).toEqual(['inserted', 'key_taken', 'key_taken']);
        expect(
          (await store.find(batch.map((message) => message.id))).map((message) => message !== null),
        ).toEqual([true, false, false]);
      });

      it('lets one of many at once win', async () => {
        const batch = Array.from({ length: RACERS }, () => keyed('order-1'));
        const answers = (await Promise.all(batch.map((message) => store.insert([message])))).flat();
        expect(answers.filter((answer) => answer === 'inserted')).toHaveLength(1);
        expect(answers.filter((answer) => answer === 'key_taken')).toHaveLength(RACERS - 1);
        const stored = (await store.find(batch.map((message) => message.id))).filter(
          (message) => message !== null,
        );
        expect(stored.map((message) => message.id)).toEqual([batch[answers.indexOf('inserted')]?.id]);
      });

      it('keeps tenants apart, and messages without a key', async () => {
        const answers = await store.insert([
          keyed('k', { tenant: 'a' }),
          keyed('k', { tenant: 'b' }),
          sample(),
          sample(),
        ]);
        expect(answers).toEqual<Inserted[]>(['inserted', 'inserted', 'inserted', 'inserted']);
        expect(await store.findByIdempotencyKey('c', 'k')).toBeNull();
        expect((await store.findByIdempotencyKey('b', 'k'))?.tenant).toBe('b');
        expect(await store.findByIdempotencyKey('default', '')).toBeNull();
      });

      it.each(['{"$gt":""}', '$set', 'a.b', '__proto__', 'Ключ 🔑', ' '])(
        'takes %j as a text',
        async (key) => {
          const message = keyed(key);
          expect(await store.insert([message, keyed(key)])).toEqual(['inserted', 'key_taken']);
          expect((await store.findByIdempotencyKey('default', key))?.id).toBe(message.id);
          expect(await store.findByIdempotencyKey('default', `${key}x`)).toBeNull();
        },
      );

      it('takes a key off once, and off its own message only', async () => {
        const [first, second] = [keyed('order-1'), keyed('order-1')];
        await store.insert([first]);
        expect(await store.dropIdempotencyKey(first.id, 'order-2')).toBe(false);
        expect(await store.dropIdempotencyKey(newMessageId(t0), 'order-1')).toBe(false);
        expect(await store.dropIdempotencyKey(first.id, 'order-1')).toBe(true);
        expect(await store.dropIdempotencyKey(first.id, 'order-1')).toBe(false);
        expect((await get(first.id)).idempotency).toBeNull();
        expect(await store.findByIdempotencyKey('default', 'order-1')).toBeNull();
        expect(await store.insert([second])).toEqual(['inserted']);
        expect(await store.dropIdempotencyKey(first.id, 'order-1')).toBe(false);
        expect((await store.findByIdempotencyKey('default', 'order-1'))?.id).toBe(second.id);
      });

      it('knows a retry of a message whose key has gone to another', async () => {
        const [first, second] = [keyed('order-1'), keyed('order-1')];
        await store.insert([first]);
        await store.dropIdempotencyKey(first.id, 'order-1');
        await store.insert([second]);
        expect(await store.insert([first])).toEqual(['known']);
        expect((await store.findByIdempotencyKey('default', 'order-1'))?.id).toBe(second.id);
      });

      it('gives a dropped key to one of many at once', async () => {
        const first = keyed('order-1');
        await store.insert([first]);
        const drops = await Promise.all(
          Array.from({ length: 20 }, () => store.dropIdempotencyKey(first.id, 'order-1')),
        );
        expect(drops.filter(Boolean)).toHaveLength(1);
      });
    });

    describe('apply', () => {
      it('changes the named fields, gives a new version, and keeps the rest', async () => {
        const [id = missing()] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
        const before = await get(id);
        const set: Partial<Progress> = {
          state: 'sending',
          phase: 'streaming',
          attempt: 2,
          tries: 3,
          due: t0 + 1,
          wakeAt: t0 + 2,
          lease: { id: 'lease-1', until: t0 + MINUTE },
          lapses: 1,
          maybeSent: true,
          cancelWanted: true,
          hold: { reason: 'budget' },
          takenUp: true,
          route: 'main',
          destination: 'mx.example',
          source: '192.0.2.1',
          lastReply: { stage: 'rcpt', code: 450, enhanced: '4.2.1', text: 'später' },
        };
        const [version = missing()] = await store.apply([await changeOf(id, set)]);
        expect(version).not.toBeNull();
        expect(version).not.toBe(versionOf(before));
        const after = await get(id);
        expect(after).toEqual({
          ...before,
          deliveries: [{ ...before.deliveries[0], ...set, version }, before.deliveries[1]],
        });

        const none: Partial<Progress> = {
          phase: null,
          wakeAt: null,
          lease: null,
          hold: null,
          route: null,
          destination: null,
          source: null,
          lastReply: null,
        };
        const [next = missing()] = await store.apply([
          await changeOf(id, { ...none, state: 'delivered', maybeSent: false }),
        ]);
        expect((await get(id)).deliveries[0]).toEqual({
          ...after.deliveries[0],
          ...none,
          state: 'delivered',
          maybeSent: false,
          version: next,
        });
      });

      it('refuses a change about an older version, and one about nothing', async () => {
        const [id = missing()] = await put({});
        const change = await changeOf(
          id,
          { state: 'sending' },
          { type: 'accepted', data: { route: 'main' } },
        );
        expect(await store.apply([change])).toEqual([expect.any(String)]);
        const after = await get(id);
        expect(await store.apply([change])).toEqual([null]);
        expect(await store.apply([{ ...change, message: newMessageId(t0) }])).toEqual([null]);
        expect(await store.apply([{ ...change, version: versionOf(after), delivery: 1 }])).toEqual([null]);
        expect(await store.apply([{ ...change, version: '' }])).toEqual([null]);
        expect(await store.apply([{ ...change, version: '{"$gt":""}' }])).toEqual([null]);
        expect(await store.apply([])).toEqual([]);
        expect(await get(id)).toEqual(after);
      });

      it('makes the good changes of a batch and refuses the others, in their order', async () => {
        const ids = await put({}, {}, {}, {});
        const changes = await Promise.all(ids.map((id) => changeOf(id, { state: 'sending' })));
        const stale = changes.map((change, i) => (i % 2 === 0 ? { ...change, version: 'outdated' } : change));
        const answers = await store.apply(stale);
        expect(answers.map((answer) => answer !== null)).toEqual([false, true, false, true]);
        const found = await store.find(ids);
        expect(found.map((message) => message?.deliveries[0]?.state)).toEqual([
          'queued',
          'sending',
          'queued',
          'sending',
        ]);
        expect(found[1]?.deliveries[0]?.version).toBe(answers[1]);
      });

      it('makes two changes of two deliveries of one message, each with its event', async () => {
        const [id = missing()] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
        const changes = [
          await changeOf(id, { state: 'delivered', wakeAt: null }, { type: 'delivered', data: { n: 0 } }, 0),
          await changeOf(id, { state: 'bounced', wakeAt: null }, { type: 'bounced', data: { n: 1 } }, 1),
        ];
        const answers = await store.apply(changes);
        const message = await get(id);
        expect(answers).toEqual(message.deliveries.map((delivery) => delivery.version));
        expect(message.deliveries.map((delivery) => delivery.state)).toEqual(['delivered', 'bounced']);
        expect(message.events).toHaveLength(4);
        for (const event of message.events.slice(2)) expect(event.data).toEqual({ n: event.delivery });
      });

      it('makes one of two changes of one delivery in a batch', async () => {
        const [id = missing()] = await put({});
        const change = await changeOf(id, { route: 'a' }, { type: 'accepted', data: {} });
        const answers = await store.apply([change, { ...change, set: { route: 'b' } }]);
        expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
        const message = await get(id);
        expect(answers).toContain(versionOf(message));
        expect(message.deliveries[0]?.route).toBe(answers[0] === null ? 'b' : 'a');
        expect(message.events).toHaveLength(2);
      });

      it('lets one of many changes at once win', async () => {
        const [id = missing()] = await put({});
        const change = await changeOf(id, {});
        const racers = Array.from(
          { length: RACERS },
          (_, i): Change => ({
            ...change,
            set: { state: 'sending', lease: { id: `lease-${i}`, until: t0 + MINUTE } },
            event: { type: 'accepted', data: { winner: i } },
          }),
        );
        const answers = (await Promise.all(racers.map((racer) => store.apply([racer])))).flat();
        const winner = answers.findIndex((answer) => answer !== null);
        expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
        const message = await get(id);
        expect(versionOf(message)).toBe(answers[winner]);
        expect(message.deliveries[0]?.lease?.id).toBe(`lease-${winner}`);
        expect(message.events.map((event) => event.data)).toEqual([{}, { winner }]);
      });

      it('loses no event of concurrent changes to one message, and stamps each with the time', async () => {
        const count = 20;
        const [id = missing()] = await put({
          deliveries: Array.from({ length: count }, (_, i) => ({ to: `r${i}@example.com` })),
        });
        await subject.elapse(MINUTE);
        const earliest = store.now();
        expect(earliest).toBeGreaterThanOrEqual(t0 + MINUTE);
        const message = await get(id);
        const changes = message.deliveries.map(
          (delivery, i): Change => ({
            message: id,
            delivery: i,
            version: delivery.version,
            set: { state: 'delivered', wakeAt: null },
            event: {
              type: 'delivered',
              data: { attempt: 1, counted: true, code: 250, route: null, host: 'mx.example' },
            },
          }),
        );
        const answers = (await Promise.all(changes.map((change) => store.apply([change])))).flat();
        expect(answers.every((answer) => answer !== null)).toBe(true);
        const events = (await get(id)).events.slice(count);
        expect(events.map((event) => event.delivery).toSorted((a, b) => a - b)).toEqual(
          changes.map((_, i) => i),
        );
        for (const event of events) {
          expect(event).toMatchObject({ type: 'delivered', data: changes[0]?.event?.data });
          expect(event.at).toBeGreaterThanOrEqual(earliest);
          expect(event.at).toBeLessThanOrEqual(store.now());
        }
      });

      it('keeps the order of events over many changes', async () => {
        const [id = missing()] = await put({});
        for (let i = 0; i < 12; i++)
          await store.apply([await changeOf(id, { tries: i }, { type: 'deferred', data: { i } })]);
        const { events } = await get(id);
        expect(events.map((event) => event.data.i ?? null)).toEqual([
          null,
          ...Array.from({ length: 12 }, (_, i) => i),
        ]);
        const times = events.map((event) => event.at);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      });

      it('keeps what it was told, after a restart too', async () => {
        if (subject.reopen === undefined) return;
        const [id = missing()] = await put({});
        await store.apply([
          await changeOf(
            id,
            { state: 'delivered', wakeAt: null },
            { type: 'delivered', data: { code: 250 } },
          ),
        ]);
        const before = await get(id);
        store = await subject.reopen();
        expect(await get(id)).toEqual(before);
        expect(store.now()).toBeGreaterThanOrEqual(t0);
      });
    });

    describe('woken', () => {
      const woken: readonly Exclude<DeliveryState, 'queued'>[] = ['scheduled', 'sending', 'deferred'];

      it('finds deliveries in the named states whose time has come', async () => {
        const due = await put(
          { deliveries: [{ state: 'scheduled', wakeAt: t0 - 2 }] },
          { deliveries: [{ state: 'sending', wakeAt: t0 - 1 }] },
          { deliveries: [{ state: 'deferred', wakeAt: t0 }] },
        );
        await put(
          { deliveries: [{ state: 'deferred', wakeAt: t0 + 1 }] },
          { deliveries: [{ state: 'queued', wakeAt: t0 - 1 }] },
          { deliveries: [{ state: 'delivered', wakeAt: null }] },
          { deliveries: [{ state: 'deferred', wakeAt: null }] },
        );
        expect(places(await store.woken(woken, t0, 100)).toSorted()).toEqual(
          due.map((id) => `${id}/0`).toSorted(),
        );
        expect(places(await store.woken(['sending'], t0, 100))).toEqual([`${due[1]}/0`]);
        expect(places(await store.woken(['scheduled', 'deferred'], t0 - 1, 100))).toEqual([`${due[0]}/0`]);
        expect(await store.woken(['dead'], t0 + MINUTE, 100)).toEqual([]);
        expect(await store.woken([], t0 + MINUTE, 100)).toEqual([]);
      });

      it('names each delivery of a message that is meant, and no other', async () => {
        const [id = missing()] = await put({
          deliveries: [
            { state: 'deferred', wakeAt: t0 },
            { to: 'b@example.com', state: 'sending', wakeAt: t0 },
            { to: 'c@example.com', state: 'deferred', wakeAt: t0 + 1 },
            { to: 'd@example.com', state: 'deferred', wakeAt: t0 - 1 },
            // state of one delivery and time of another must not be taken for one that has both
            { to: 'e@example.com', state: 'delivered', wakeAt: null },
          ],
        });
        const found = await store.woken(['deferred'], t0, 100);
        expect(places(found).toSorted()).toEqual([`${id}/0`, `${id}/3`]);
        expect(found.map((one) => one.message)).toEqual([await get(id), await get(id)]);
        expect(await store.woken(['scheduled'], t0 + MINUTE, 100)).toEqual([]);
      });

      it('keeps to the limit, and comes to all when each is dealt with', async () => {
        await put(
          ...Array.from(
            { length: 7 },
            (_, i) =>
              ({
                deliveries: [
                  { state: 'deferred', wakeAt: t0 - i },
                  { to: 'b@example.com', state: 'deferred', wakeAt: t0 - i },
                ],
              }) as const,
          ),
        );
        const seen: string[] = [];
        for (let turn = 0; turn < 5; turn++) {
          const found = await store.woken(['deferred'], t0, 3);
          expect(found).toHaveLength(turn < 4 ? 3 : 2);
          seen.push(...places(found));
          await store.apply(found.map((one) => requeue(one, t0 + MINUTE)));
        }
        expect(new Set(seen).size).toBe(14);
        expect(await store.woken(['deferred'], t0 + 2 * MINUTE, 3)).toEqual([]);
      });

      it('follows each change of state and time', async () => {
        const [id = missing()] = await put({ deliveries: [{ state: 'sending', wakeAt: t0 }] });
        await store.apply([await changeOf(id, { wakeAt: t0 + MINUTE })]);
        expect(await store.woken(['sending'], t0, 10)).toEqual([]);
        expect(places(await store.woken(['sending'], t0 + MINUTE, 10))).toEqual([`${id}/0`]);
        await store.apply([await changeOf(id, { state: 'unknown', wakeAt: null })]);
        expect(await store.woken(['sending', 'unknown'], t0 + MINUTE, 10)).toEqual([]);
      });
    });

    describe('backlogs and unpublished', () => {
      const names = (backlogs: readonly Backlog[]): string[] =>
        backlogs.map(({ tenant, tier }) => `${tenant}/${tier}`).toSorted();
      const normal: Backlog = { tenant: 'default', tier: 'normal' };

      it('names each tenant and tier once that has queued deliveries whose time has come', async () => {
        for (const tenant of ['a', 'b', 'b.c', '$d'])
          for (const tier of tiers) await put({ tenant, tier }, { tenant, tier });
        await put(
          { tenant: 'later', deliveries: [{ wakeAt: t0 + 1 }] },
          { tenant: 'sending', deliveries: [{ state: 'sending', wakeAt: t0 }] },
          { tenant: 'over', deliveries: [{ state: 'delivered', wakeAt: null }] },
          {
            tenant: 'mixed',
            tier: 'bulk',
            deliveries: [
              { state: 'deferred', wakeAt: t0 - 1 },
              { to: 'b@example.com', wakeAt: t0 + 1 },
            ],
          },
          {
            tenant: 'half',
            tier: 'high',
            deliveries: [{ state: 'delivered', wakeAt: null }, { to: 'b@example.com' }],
          },
        );
        const expected = ['a', 'b', 'b.c', '$d'].flatMap((tenant) =>
          tiers.map((tier) => `${tenant}/${tier}`),
        );
        expect(names(await store.backlogs(t0))).toEqual([...expected, 'half/high'].toSorted());
        expect(names(await store.backlogs(t0 + 1))).toEqual(
          [...expected, 'half/high', 'later/normal', 'mixed/bulk'].toSorted(),
        );
        expect(await store.backlogs(t0 - 1)).toEqual([]);
      });

      it('counts what is queued, published or not, up to a limit', async () => {
        expect(await store.queued(10)).toBe(0);
        await put(
          {},
          {
            tenant: 'other',
            tier: 'bulk',
            deliveries: [
              { wakeAt: t0 + MINUTE },
              { to: 'b@example.com' },
              { to: 'c@example.com', state: 'sending' },
            ],
          },
          { deliveries: [{ state: 'deferred', wakeAt: t0 }] },
          { deliveries: [{ state: 'delivered', wakeAt: null }] },
        );
        expect(await store.queued(10)).toBe(3);
        expect(await store.queued(2)).toBe(2);
      });

      const sendable: readonly (readonly [
        title: string,
        delivery: () => SampleDelivery,
        isSendable: boolean,
      ])[] = [
        ['queued and not published', () => ({}), true],
        ['queued and published', () => ({ wakeAt: t0 + MINUTE }), true],
        ['deferred and due, which a sweeper has still to notice', () => ({ state: 'deferred' }), true],
        ['scheduled and due', () => ({ state: 'scheduled' }), true],
        [
          'being sent',
          () => ({ state: 'sending', phase: 'streaming', lease: { id: 'lease_1', until: t0 + MINUTE } }),
          false,
        ],
        ['held for its budget', () => ({ hold: { reason: 'budget' } }), false],
        ['held for its route', () => ({ hold: { reason: 'route' } }), false],
        ['held because its sender is suspended', () => ({ hold: { reason: 'suspended' } }), false],
        ['delivered', () => ({ state: 'delivered', wakeAt: null }), false],
        ['bounced', () => ({ state: 'bounced', wakeAt: null }), false],
        ['cancelled', () => ({ state: 'cancelled', wakeAt: null }), false],
      ];

      it.each(sendable)('a delivery that is %s: whether it could go', async (_, delivery, isSendable) => {
        const due = t0 - 5_000;
        await put({ deliveries: [{ due, wakeAt: due, ...delivery() }] });
        expect(await store.oldestDue(t0)).toBe(isSendable ? due : null);
        // the time at which it is due belongs to it
        expect(await store.oldestDue(due)).toBe(isSendable ? due : null);
        expect(await store.oldestDue(due - 1)).toBeNull();
      });

      it('says since when the delivery could go that could for the longest time, of all tenants', async () => {
        expect(await store.oldestDue(t0)).toBeNull();
        await put(
          { createdAt: t0 - MINUTE, deliveries: [{ due: t0 + MINUTE, wakeAt: t0 + MINUTE }] },
          {
            tenant: 'other',
            tier: 'bulk',
            deliveries: [{ due: t0 - 1 }, { to: 'b@example.com', due: t0 - 10, hold: { reason: 'budget' } }],
          },
          {
            deliveries: [
              { state: 'deferred', due: t0 - 2, wakeAt: t0 - 2 },
              { to: 'b@example.com', due: t0 - 3 },
            ],
          },
          {
            deliveries: [
              { state: 'delivered', due: t0 - 20, wakeAt: null },
              { to: 'b@example.com', state: 'scheduled', due: t0 + 1 },
            ],
          },
        );
        expect(await store.oldestDue(t0)).toBe(t0 - 3);
        expect(await store.oldestDue(t0 - 4)).toBeNull();
      });

      it('a hold that comes and goes takes a delivery away and brings it back', async () => {
        const [id = missing()] = await put({ deliveries: [{ due: t0 - 5 }] });
        await store.apply([await changeOf(id, { hold: { reason: 'route' } })]);
        expect(await store.oldestDue(t0)).toBeNull();
        await store.apply([await changeOf(id, { hold: null, due: t0 - 4 })]);
        expect(await store.oldestDue(t0)).toBe(t0 - 4);
      });

      it('has no backlog when all is published, or gone', async () => {
        expect(await store.backlogs(t0)).toEqual([]);
        const [a = missing(), b = missing()] = await put({}, {});
        expect(names(await store.backlogs(t0))).toEqual(['default/normal']);
        await store.apply([
          await changeOf(a, { wakeAt: t0 + MINUTE }),
          await changeOf(b, { state: 'sending' }),
        ]);
        expect(await store.backlogs(t0)).toEqual([]);
        expect(await store.unpublished(normal, t0, 10)).toEqual([]);
        expect(names(await store.backlogs(t0 + MINUTE))).toEqual(['default/normal']);
      });

      it('gives the oldest first by acceptance, however they were woken', async () => {
        const order = [5, 2, 8, 1, 9, 4, 3, 7, 0, 6];
        const ids = await put(
          ...order.map((n) => ({ createdAt: t0 - 100 + n, deliveries: [{ wakeAt: t0 - ((n * 7) % 10) }] })),
        );
        const oldest = order.map((n, i) => ({ n, place: `${ids[i]}/0` })).toSorted((a, b) => a.n - b.n);
        const expected = oldest.map(({ place }) => place);
        expect(places(await store.unpublished(normal, t0, 100))).toEqual(expected);
        expect(places(await store.unpublished(normal, t0, 4))).toEqual(expected.slice(0, 4));
      });

      it('keeps the deliveries of a message together, in their order', async () => {
        const ids = await put(
          ...[3, 1, 2].map((n) => ({ createdAt: t0 - n, deliveries: [{}, { to: 'b@example.com' }] })),
        );
        const expected = [ids[0], ids[2], ids[1]].flatMap((id) => [`${id}/0`, `${id}/1`]);
        expect(places(await store.unpublished(normal, t0, 100))).toEqual(expected);
        expect(places(await store.unpublished(normal, t0, 3))).toEqual(expected.slice(0, 3));
      });

      it('keeps to one backlog, and to deliveries that are queued and due in it', async () => {
        const [mine = missing()] = await put(
          {
            deliveries: [
              { state: 'sending', wakeAt: t0 },
              { to: 'b@example.com' },
              { to: 'c@example.com', wakeAt: t0 + 1 },
            ],
          },
          { tier: 'high' },
          { tier: 'bulk' },
          { tenant: 'other' },
        );
        const found = await store.unpublished(normal, t0, 100);
        expect(places(found)).toEqual([`${mine}/1`]);
        expect(found[0]?.message).toEqual(await get(mine));
        expect(await store.unpublished({ tenant: 'nobody', tier: 'normal' }, t0, 100)).toEqual([]);
        expect(await store.unpublished(normal, t0 - 1, 100)).toEqual([]);
      });

      it('goes through a backlog in batches, behind what is published already', async () => {
        const ids = await put(
          ...Array.from({ length: 30 }, (_, i) => ({ createdAt: t0 - 30 + i, deliveries: [{ wakeAt: t0 }] })),
        );
        const seen: string[] = [];
        for (let found: readonly Found[]; ; seen.push(...places(found))) {
          found = await store.unpublished(normal, t0, 8);
          if (found.length === 0) break;
          await store.apply(found.map((one) => requeue(one, t0 + MINUTE)));
        }
        expect(seen).toEqual(ids.map((id) => `${id}/0`));
      });
    });

    describe('list', () => {
      const list = async (query: Partial<ListQuery>): Promise<MessageId[]> =>
        (await store.list({ tenant: 'default', limit: 100, ...query })).map((message) => message.id);

      it('is newest first, and by id where the time is the same', async () => {
        const ids = await put(...[3, 1, 2, 2, 2].map((n) => ({ createdAt: t0 + n })));
        const same = ids.slice(2).toSorted().toReversed();
        expect(await list({})).toEqual([ids[0], ...same, ids[1]]);
        const [first] = await store.list({ tenant: 'default', limit: 1 });
        expect(first).toEqual(await get(ids[0] ?? missing()));
      });

      it.each([1, 2, 3, 7, 50])('comes to each once in pages of %i', async (limit) => {
        const ids = await put(...[0, 0, 0, 1, 2, 2, 2, 3, 3, 9].map((n) => ({ createdAt: t0 + n })));
        const seen: MessageId[] = [];
        for (let before: ListQuery['before']; ; ) {
          const page = await store.list({
            tenant: 'default',
            limit,
            ...(before === undefined ? {} : { before }),
          });
          expect(page.length).toBeLessThanOrEqual(limit);
          seen.push(...page.map((message) => message.id));
          const last = page.at(-1);
          if (last === undefined) break;
          before = { createdAt: last.createdAt, id: last.id };
        }
        expect(seen).toEqual(await list({}));
        expect(seen.toSorted()).toEqual(ids.toSorted());
      });

      it('filters by each field', async () => {
        const template = { identifier: 'otp-code', revision: 1, language: null };
        const [a = missing(), b = missing(), c = missing()] = await put(
          { createdAt: t0, deliveries: [{ to: 'ana@example.com' }, { to: 'ben@example.com' }] },
          {
            createdAt: t0 + 10,
            sender: 'other',
            environment: 'draft',
            deliveries: [{ to: 'ben@example.com' }],
          },
          { createdAt: t0 + 20, content: { ...sample().content, template }, environment: 'testing' },
        );
        expect(await list({ recipient: 'ben@example.com' })).toEqual([b, a]);
        expect(await list({ recipient: 'ana@example.com' })).toEqual([c, a]);
        expect(await list({ recipient: 'example.com' })).toEqual([]);
        expect(await list({ sender: 'other' })).toEqual([b]);
        expect(await list({ template: 'otp-code' })).toEqual([c]);
        expect(await list({ environment: 'live' })).toEqual([a]);
        expect(await list({ createdAfter: t0 + 10 })).toEqual([c, b]);
        expect(await list({ createdBefore: t0 + 10 })).toEqual([a]);
        expect(await list({ createdAfter: t0 + 1, createdBefore: t0 + 20 })).toEqual([b]);
        expect(
          await list({
            sender: 'acme',
            recipient: 'ana@example.com',
            createdAfter: t0 + 1,
            status: 'queued',
          }),
        ).toEqual([c]);
        expect(await list({ recipient: 'ben@example.com', before: { createdAt: t0 + 10, id: b } })).toEqual([
          a,
        ]);
        expect(await list({ recipient: 'ben@example.com', limit: 1 })).toEqual([b]);
        expect(await list({ sender: 'other', recipient: 'ana@example.com' })).toEqual([]);
      });

      it.each([1, 2, 7])(
        'comes to each message of some senders and environments once in full pages of %i',
        async (limit) => {
          const kinds = ['acme', 'other', 'third'].flatMap((sender) =>
            (['draft', 'testing', 'live'] as const).map((environment) => ({ sender, environment })),
          );
          const samples = Array.from({ length: 27 }, (_, i) => ({
            createdAt: t0 + Math.floor(i / 4),
            ...(kinds[i % kinds.length] ?? missing()),
          }));
          const ids = await put(...samples);
          await put({ tenant: 'b', environment: 'draft' });
          const meantBy = (isMeant: (sample: (typeof samples)[number]) => boolean) =>
            ids.filter((_, i) => isMeant(samples[i] ?? missing()));
          for (const [within, meant] of [
            [{ environments: null, senders: null }, ids],
            [{ environments: null, senders: ['acme', 'third'] }, meantBy(({ sender }) => sender !== 'other')],
            [
              { environments: ['draft', 'testing'], senders: null },
              meantBy(({ environment }) => environment !== 'live'),
            ],
            [
              { environments: ['draft'], senders: ['other'] },
              meantBy((s) => s.environment === 'draft' && s.sender === 'other'),
            ],
            [{ environments: null, senders: ['nobody'] }, []],
            [{ environments: null, senders: [] }, []],
          ] as const satisfies readonly (readonly [Reach, readonly MessageId[]])[]) {
            const pages: MessageId[][] = [];
            for (let before: ListQuery['before']; ; ) {
              const page = await store.list({
                tenant: 'default',
                within,
                limit,
                ...(before === undefined ? {} : { before }),
              });
              const last = page.at(-1);
              if (last === undefined) break;
              pages.push(page.map(({ id }) => id));
              before = { createdAt: last.createdAt, id: last.id };
            }
            expect(pages.flat().toSorted()).toEqual(meant.toSorted());
            expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
          }
        },
      );

      it('adds a reach to every other filter', async () => {
        const deliveries = [{ to: 'ben@example.com', state: 'bounced' as const, wakeAt: null }];
        const [own] = await put(
          { deliveries },
          { sender: 'other', deliveries },
          { environment: 'draft', deliveries },
        );
        const within: Reach = { environments: ['live'], senders: ['acme'] };
        expect(await list({ within, recipient: 'ben@example.com' })).toEqual([own]);
        expect(await list({ within, status: 'bounced' })).toEqual([own]);
        expect(await list({ within, sender: 'acme' })).toEqual([own]);
        expect(await list({ within, sender: 'other' })).toEqual([]);
        expect(await list({ within, environment: 'draft' })).toEqual([]);
      });

      it.each(messageStatuses)(
        'finds a message of status %s, whatever its other deliveries are',
        async (status) => {
          const rest = messageStatuses.slice(messageStatuses.indexOf(status) + 1);
          const states: readonly DeliveryState[][] = [
            [status],
            [status, status],
            ...rest.map((state) => [state, status]),
          ];
          const others = messageStatuses.filter((state) => state !== status).map((state) => [state]);
          const mixed = messageStatuses
            .slice(0, messageStatuses.indexOf(status))
            .map((state) => [status, state]);
          const inStates = (list: readonly DeliveryState[]) => ({
            deliveries: list.map((state, i) => ({ to: `r${i}@example.com`, state })),
          });
          const meant = await put(...states.map(inStates));
          await put(...[...others, ...mixed].map(inStates));
          expect((await list({ status })).toSorted()).toEqual(meant.toSorted());
          for (const message of await store.list({ tenant: 'default', status, limit: 100 }))
            expect(statusOf(message.deliveries)).toBe(status);
        },
      );

      it('pages through a status with equal times', async () => {
        const ids = await put(
          ...Array.from(
            { length: 9 },
            (_, i) =>
              ({
                deliveries: [
                  { state: i % 3 === 0 ? 'bounced' : 'delivered' },
                  { to: 'b@example.com', state: 'delivered' },
                ],
              }) as const,
          ),
        );
        const bounced = ids
          .filter((_, i) => i % 3 === 0)
          .toSorted()
          .toReversed();
        expect(await list({ status: 'bounced' })).toEqual(bounced);
        const [first = missing(), ...more] = bounced;
        expect(await list({ status: 'bounced', before: { createdAt: t0, id: first } })).toEqual(more);
        expect(await list({ status: 'bounced', limit: 2 })).toEqual(bounced.slice(0, 2));
      });

      it('shows one tenant nothing of another', async () => {
        const [mine] = await put({ tenant: 'a' }, { tenant: 'b' }, { tenant: 'a.b' }, { tenant: '' });
        expect(await list({ tenant: 'a' })).toEqual([mine]);
        expect(await list({ tenant: 'c' })).toEqual([]);
      });

      it.each(['{"$gt":""}', '$ne', "' OR 1=1 --", '.*', '%', '*'])(
        'takes %j as a text in every filter',
        async (text) => {
          await put({});
          for (const filter of ['tenant', 'recipient', 'sender', 'template', 'environment'] as const)
            expect(await list({ [filter]: text })).toEqual([]);
        },
      );
    });

    describe('the rest', () => {
      it('says which blobs a message refers to', async () => {
        const blobs = Array.from({ length: 6 }, () => newBlobId(t0));
        const [html = missing(), data = missing(), image = missing(), text = missing(), ...unused] = blobs;
        const attachment = {
          filename: 'a.png',
          contentType: 'image/png',
          contentId: null,
          disposition: 'attachment',
          blob: image,
          bytes: 3,
        } as const;
        const base = sample().content;
        await put(
          {
            content: {
              ...base,
              html: { blob: html, bytes: 70_000 },
              templateData: { blob: data, bytes: 70_000 },
            },
          },
          {
            content: { ...base, text: { blob: text, bytes: 70_000 }, attachments: [attachment, attachment] },
          },
          { tenant: 'other', content: { ...base, attachments: [attachment] } },
        );
        expect(await store.blobsInUse(blobs)).toEqual(new Set([html, data, image, text]));
        expect(await store.blobsInUse(unused)).toEqual(new Set());
        expect(await store.blobsInUse([])).toEqual(new Set());
      });

      it('has a clock that moves on', async () => {
        await subject.elapse(MINUTE);
        expect(store.now()).toBeGreaterThanOrEqual(t0 + MINUTE);
      });

      it('says that it can write', async () => {
        await expect(store.check()).resolves.toBeUndefined();
      });
    });
  });
}

function missing(): never {
  throw new Error('the store gave less than was asked for');
}

const versionOf = (message: Message, delivery = 0): string =>
  message.deliveries[delivery]?.version ?? missing();
const places = (found: readonly Found[]): string[] =>
  found.map(({ message, delivery }) => `${message.id}/${delivery}`);

/** What the sweeper does with what it found: it looks again later. */
const requeue = ({ message, delivery }: Found, wakeAt: number): Change => ({
  message: message.id,
  delivery,
  version: versionOf(message, delivery),
  set: { state: 'queued', wakeAt },
  event: null,
});

/**
 * The message without what the store adds, so that it can be compared with what was handed over.
 */
function asInserted(message: Message | null): NewMessage | null {
  if (message === null) return null;
  return {
    ...message,
    deliveries: message.deliveries.map(({ version: _, ...delivery }) => delivery),
    events: message.events.map(({ at: _, ...event }) => event),
  };
}

/**
 * Keys that mean something to one database or another, and to JavaScript; own properties only by
 * way of JSON.
 */
const oddKeys =
  '{"$set":"$unset","a.b":"c.d","":"empty","__proto__":"own","constructor":"own","{\\"$gt\\":\\"\\"}":"{\\"$gt\\":\\"\\"}","\\u0000":"\\u0000","ключ":"🔑"}';
const odd: Readonly<Record<string, string>> = JSON.parse(oddKeys);

/** Uses every field, with values that a careless store would change. */
function full(createdAt: number): NewMessage {
  const mailbox = (name: string | null, text: string) => ({
    name,
    address: sampleMessage({ createdAt, deliveries: [{ to: text }] }).deliveries[0]?.recipient ?? missing(),
  });
  const tier: Tier = 'bulk';
  return sampleMessage({
    createdAt,
    tenant: 'acme.live',
    keyId: 'key_Ω',
    environment: 'testing',
    sender: 'acme.main',
    from: mailbox('Ärger & Söhne "GmbH"', 'hello@acme.example'),
    replyTo: [mailbox(null, 'reply@acme.example'), mailbox('Support', 'support@acme.example')],
    to: [mailbox('Ana', 'ana@example.com')],
    cc: [mailbox('$where', 'ben@example.org')],
    subject: 'Größe 👩‍👩‍👧 \u2028 {"$gt":""}',
    content: {
      template: { identifier: 'otp-code', revision: 7, language: 'de-AT' },
      templateData: { inline: '{"code":1}' },
      subject: null,
      html: { blob: newBlobId(createdAt), bytes: 70_000 },
      text: { inline: 'line\r\nline\u0000' },
      headers: odd,
      attachments: [
        {
          filename: 'Rechnung ü.pdf',
          contentType: 'application/pdf',
          contentId: null,
          disposition: 'attachment',
          blob: newBlobId(createdAt),
          bytes: 50 * 1024 * 1024,
        },
        {
          filename: 'logo.png',
          contentType: 'image/png',
          contentId: 'logo',
          disposition: 'inline',
          blob: newBlobId(createdAt),
          bytes: 0,
        },
      ],
    },
    tier,
    copies: 'at_most_once',
    scheduledAt: createdAt + 86_400_000,
    expiresAt: createdAt + 2 * 86_400_000,
    tags: odd,
    metadata: {
      ...odd,
      nested: { list: [1, -1.5, 1e21, null, true, [], {}, odd], $oid: 'x', $date: 0 },
      big: Number.MAX_SAFE_INTEGER,
      none: null,
    },
    trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    idempotency: { key: '{"$gt":""}', fingerprint: 'f'.repeat(64) },
    acceptedAs: 'scheduled',
    deliveries: [
      {
        to: 'ana@example.com',
        state: 'scheduled',
        due: createdAt + 86_400_000,
        wakeAt: createdAt + 86_400_000,
      },
      {
        to: 'ben@example.org',
        state: 'sending',
        phase: 'committing',
        attempt: 6,
        tries: 11,
        lease: { id: 'lease', until: createdAt + 1 },
        lapses: 4,
        maybeSent: true,
        cancelWanted: true,
        hold: { reason: 'route', message: 'main: the server offers no AUTH' },
        takenUp: true,
        route: 'main',
        destination: 'mx.example',
        source: '2001:db8::1',
        lastReply: { stage: 'data', code: null, enhanced: null, text: 'später $set' },
      },
    ],
    events: [
      { type: 'scheduled', data: odd, delivery: 0 },
      { type: 'queued', data: { a: null, b: true, c: -0.5, d: '' }, delivery: 1 },
    ],
  });
}
