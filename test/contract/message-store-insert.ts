// Inserting messages and finding them by id.

import { describe, expect, it } from 'vitest';
import type { Message, NewMessage } from '../../services/core/delivery/message.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { fullMessage } from './full-message.ts';
import { newMessageId } from './sample-message.ts';
import { kindsOf, missing, type StoreInTest } from './store-in-test.ts';

export function insertAndFind(opened: StoreInTest<MessageStore>): void {
  const { sample, put, get, changeOf } = opened;

  describe('insert and find', () => {
    it('returns every field as it was inserted, also after a restart', async () => {
      const messages = [
        fullMessage(opened.t0),
        sample({ deliveries: [{}, { to: 'ben@example.org' }, { to: 'cleo@example.net' }] }),
      ];
      await opened.store.insert(messages);
      const verify = async (): Promise<void> => {
        const found = await opened.store.find(messages.map((message) => message.id));
        expect(found.map(asInserted)).toEqual(messages);
        expect(found.map((message) => message?.events.length)).toEqual([2, 3]);
      };
      await verify();
      await opened.reopen();
      await verify();
    });

    it('stamps all events of a message with the same time of its clock', async () => {
      const [id] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
      const { events } = await get(id ?? missing());
      const [at = missing()] = events.map((event) => event.at);
      expect(events.map((event) => event.at)).toEqual([at, at]);
      expect(at).toBeGreaterThanOrEqual(opened.t0);
      expect(at).toBeLessThanOrEqual(opened.store.now());
    });

    it('each delivery has a version', async () => {
      const [id] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
      for (const delivery of (await get(id ?? missing())).deliveries) expect(delivery.version).toMatch(/./);
    });

    it('returns the versions of what it inserted, which the first changes may name', async () => {
      const two = sample({ deliveries: [{}, { to: 'ben@example.org' }] });
      const [first, second] = await opened.store.insert([two, sample()]);
      const versions = (await get(two.id)).deliveries.map(({ version }) => version);
      expect(first).toEqual({ kind: 'inserted', versions });
      expect(second).toEqual({ kind: 'inserted', versions: [expect.any(String)] });
      const change = { message: two.id, set: { state: 'sending' }, event: null } as const;
      const changes = versions.map((version, delivery) => ({ ...change, version, delivery }));
      expect(await opened.store.apply(changes)).toEqual([expect.any(String), expect.any(String)]);
    });

    it('returns a known message as it is stored now', async () => {
      const message = sample();
      await opened.store.insert([message]);
      await opened.store.apply([await changeOf(message.id, { state: 'sending' })]);
      const [inserted] = await opened.store.insert([message]);
      expect(inserted).toEqual({ kind: 'known', message: await get(message.id) });
    });

    it('find returns messages in the order of the ids, null for an unknown id, and a repeated id twice', async () => {
      const [a = missing(), b = missing()] = await put({}, {});
      const found = await opened.store.find([b, newMessageId(opened.t0), a, b]);
      expect(found.map((message) => message?.id ?? null)).toEqual([b, null, a, b]);
      expect(await opened.store.find([])).toEqual([]);
      expect(await opened.store.insert([])).toEqual([]);
    });

    it('a message whose id is stored is known, and stays as it is', async () => {
      const message = sample({ idempotency: { key: 'order-1', fingerprint: 'f' } });
      await opened.store.insert([message]);
      await opened.store.apply([
        await changeOf(message.id, { state: 'delivered', wakeAt: null }, { type: 'delivered', data: {} }),
      ]);
      const before = await get(message.id);
      const inserted = await opened.store.insert([message, sample(), message]);
      expect(kindsOf(inserted)).toEqual(['known', 'inserted', 'known']);
      expect(await get(message.id)).toEqual(before);
    });

    it('a message that is twice in a batch is inserted once', async () => {
      const message = sample({ idempotency: { key: 'order-1', fingerprint: 'f' } });
      expect(kindsOf(await opened.store.insert([message, message]))).toEqual(['inserted', 'known']);
      expect((await get(message.id)).events).toHaveLength(1);
    });

    it('inserts a batch of 300', async () => {
      const ids = await put(...Array.from({ length: 300 }, (_, i) => ({ subject: `number ${i}` })));
      const found = await opened.store.find(ids);
      expect(found.map((message) => message?.subject)).toEqual(ids.map((_, i) => `number ${i}`));
    });
  });
}

/**
 * The message without what the store adds, so that it can be compared with the inserted one.
 */
function asInserted(message: Message | null): NewMessage | null {
  if (message === null) return null;
  return {
    ...message,
    deliveries: message.deliveries.map(({ version: _, ...delivery }) => delivery),
    events: message.events.map(({ at: _, ...event }) => event),
  };
}
