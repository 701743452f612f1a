// Idempotency keys: who gets a key, and how a key is removed from its message.

import { describe, expect, it } from 'vitest';
import type { NewMessage } from '../../services/core/delivery/message.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { newMessageId, type Sample } from './sample-message.ts';
import { kindsOf, RACERS, type StoreInTest } from './store-in-test.ts';

export function idempotencyKeys(opened: StoreInTest<MessageStore>): void {
  const { sample, get } = opened;

  describe('idempotency keys', () => {
    const keyed = (key: string, more: Partial<Sample> = {}): NewMessage =>
      sample({ idempotency: { key, fingerprint: 'f' }, ...more });

    it('a message whose key is taken is not stored', async () => {
      const first = keyed('order-1');
      const second = keyed('order-1');
      const other = keyed('order-2');
      expect(kindsOf(await opened.store.insert([first]))).toEqual(['inserted']);
      expect(kindsOf(await opened.store.insert([second, other]))).toEqual(['key_taken', 'inserted']);
      expect(await opened.store.find([second.id])).toEqual([null]);
      expect((await opened.store.findByIdempotencyKey('default', 'order-1'))?.id).toBe(first.id);
    });

    it('the first message of a batch gets the key', async () => {
      const batch = [keyed('order-1'), keyed('order-1'), keyed('order-1')];
      expect(kindsOf(await opened.store.insert(batch))).toEqual(['inserted', 'key_taken', 'key_taken']);
      expect(
        (await opened.store.find(batch.map((message) => message.id))).map((message) => message !== null),
      ).toEqual([true, false, false]);
    });

    it('one of many concurrent inserts gets the key', async () => {
      const batch = Array.from({ length: RACERS }, () => keyed('order-1'));
      const inserted = await Promise.all(batch.map((message) => opened.store.insert([message])));
      const answers = kindsOf(inserted.flat());
      expect(answers.filter((answer) => answer === 'inserted')).toHaveLength(1);
      expect(answers.filter((answer) => answer === 'key_taken')).toHaveLength(RACERS - 1);
      const stored = (await opened.store.find(batch.map((message) => message.id))).filter(
        (message) => message !== null,
      );
      expect(stored.map((message) => message.id)).toEqual([batch[answers.indexOf('inserted')]?.id]);
    });

    it('tenants have keys of their own, and messages without a key do not conflict', async () => {
      const inserted = await opened.store.insert([
        keyed('k', { tenant: 'a' }),
        keyed('k', { tenant: 'b' }),
        sample(),
        sample(),
      ]);
      expect(kindsOf(inserted)).toEqual(['inserted', 'inserted', 'inserted', 'inserted']);
      expect(await opened.store.findByIdempotencyKey('c', 'k')).toBeNull();
      expect((await opened.store.findByIdempotencyKey('b', 'k'))?.tenant).toBe('b');
      expect(await opened.store.findByIdempotencyKey('default', '')).toBeNull();
    });

    it.each(['{"$gt":""}', '$set', 'a.b', '__proto__', 'Ключ 🔑', ' '])(
      '%j is a key like any other',
      async (key) => {
        const message = keyed(key);
        expect(kindsOf(await opened.store.insert([message, keyed(key)]))).toEqual(['inserted', 'key_taken']);
        expect((await opened.store.findByIdempotencyKey('default', key))?.id).toBe(message.id);
        expect(await opened.store.findByIdempotencyKey('default', `${key}x`)).toBeNull();
      },
    );

    it('drops a key once, and only from the message that holds it', async () => {
      const [first, second] = [keyed('order-1'), keyed('order-1')];
      await opened.store.insert([first]);
      expect(await opened.store.dropIdempotencyKey(first.id, 'order-2')).toBe(false);
      expect(await opened.store.dropIdempotencyKey(newMessageId(opened.t0), 'order-1')).toBe(false);
      expect(await opened.store.dropIdempotencyKey(first.id, 'order-1')).toBe(true);
      expect(await opened.store.dropIdempotencyKey(first.id, 'order-1')).toBe(false);
      expect((await get(first.id)).idempotency).toBeNull();
      expect(await opened.store.findByIdempotencyKey('default', 'order-1')).toBeNull();
      expect(kindsOf(await opened.store.insert([second]))).toEqual(['inserted']);
      expect(await opened.store.dropIdempotencyKey(first.id, 'order-1')).toBe(false);
      expect((await opened.store.findByIdempotencyKey('default', 'order-1'))?.id).toBe(second.id);
    });

    it('a repeated insert is known even when its key now belongs to another message', async () => {
      const [first, second] = [keyed('order-1'), keyed('order-1')];
      await opened.store.insert([first]);
      await opened.store.dropIdempotencyKey(first.id, 'order-1');
      await opened.store.insert([second]);
      expect(kindsOf(await opened.store.insert([first]))).toEqual(['known']);
      expect((await opened.store.findByIdempotencyKey('default', 'order-1'))?.id).toBe(second.id);
    });

    it('one of many concurrent drops succeeds', async () => {
      const first = keyed('order-1');
      await opened.store.insert([first]);
      const drops = await Promise.all(
        Array.from({ length: 20 }, () => opened.store.dropIdempotencyKey(first.id, 'order-1')),
      );
      expect(drops.filter(Boolean)).toHaveLength(1);
    });
  });
}
