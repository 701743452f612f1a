// Backlogs: which there are, and their oldest deliveries.

import { describe, expect, it } from 'vitest';
import { tiers } from '../../services/core/delivery/message.ts';
import type { Lane } from '../../services/core/delivery/pacing/lane.ts';
import type { DueDeliveries, DueDelivery } from '../../services/ports/due-deliveries.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { MINUTE, missing, namesOf, requeue, type StoreInTest } from './store-in-test.ts';

export function backlogsAndUnpublished(opened: StoreInTest<MessageStore & DueDeliveries>): void {
  const { put, get, changeOf } = opened;

  describe('backlogs and unpublished', () => {
    /** Without the sender `acme`, which most samples have. */
    const names = (lanes: readonly Lane[]): string[] =>
      lanes
        .map(({ tenant, tier, sender }) => `${tenant}/${tier}${sender === 'acme' ? '' : `/${sender}`}`)
        .toSorted();
    const normal: Lane = { tenant: 'default', tier: 'normal', sender: 'acme' };

    it('returns each lane with due queued deliveries once', async () => {
      for (const tenant of ['a', 'b', 'b.c', '$d'])
        for (const tier of tiers)
          await put({ tenant, tier }, { tenant, tier }, { tenant, tier, sender: 'acme.x' });
      await put(
        { tenant: 'later', deliveries: [{ wakeAt: opened.t0 + 1 }] },
        { tenant: 'sending', deliveries: [{ state: 'sending', wakeAt: opened.t0 }] },
        { tenant: 'over', deliveries: [{ state: 'delivered', wakeAt: null }] },
        {
          tenant: 'mixed',
          tier: 'bulk',
          deliveries: [
            { state: 'deferred', wakeAt: opened.t0 - 1 },
            { to: 'b@example.com', wakeAt: opened.t0 + 1 },
          ],
        },
        {
          tenant: 'half',
          tier: 'high',
          deliveries: [{ state: 'delivered', wakeAt: null }, { to: 'b@example.com' }],
        },
      );
      const expected = ['a', 'b', 'b.c', '$d'].flatMap((tenant) =>
        tiers.flatMap((tier) => [`${tenant}/${tier}`, `${tenant}/${tier}/acme.x`]),
      );
      expect(names(await opened.store.backlogs(opened.t0))).toEqual([...expected, 'half/high'].toSorted());
      expect(names(await opened.store.backlogs(opened.t0 + 1))).toEqual(
        [...expected, 'half/high', 'later/normal', 'mixed/bulk'].toSorted(),
      );
      expect(await opened.store.backlogs(opened.t0 - 1)).toEqual([]);
    });

    it('there is no backlog when every delivery is published or claimed', async () => {
      expect(await opened.store.backlogs(opened.t0)).toEqual([]);
      const [a = missing(), b = missing()] = await put({}, {});
      expect(names(await opened.store.backlogs(opened.t0))).toEqual(['default/normal']);
      await opened.store.apply([
        await changeOf(a, { wakeAt: opened.t0 + MINUTE }),
        await changeOf(b, { state: 'sending' }),
      ]);
      expect(await opened.store.backlogs(opened.t0)).toEqual([]);
      expect(await opened.store.unpublished(normal, opened.t0, 10)).toEqual([]);
      expect(names(await opened.store.backlogs(opened.t0 + MINUTE))).toEqual(['default/normal']);
    });

    it('returns the oldest by acceptance first, whatever their wakeAt', async () => {
      const order = [5, 2, 8, 1, 9, 4, 3, 7, 0, 6];
      const ids = await put(
        ...order.map((n) => ({
          createdAt: opened.t0 - 100 + n,
          deliveries: [{ wakeAt: opened.t0 - ((n * 7) % 10) }],
        })),
      );
      const oldest = order.map((n, i) => ({ n, place: `${ids[i]}/0` })).toSorted((a, b) => a.n - b.n);
      const expected = oldest.map(({ place }) => place);
      expect(namesOf(await opened.store.unpublished(normal, opened.t0, 100))).toEqual(expected);
      expect(namesOf(await opened.store.unpublished(normal, opened.t0, 4))).toEqual(expected.slice(0, 4));
    });

    it('keeps the deliveries of a message together, in their order', async () => {
      const ids = await put(
        ...[3, 1, 2].map((n) => ({ createdAt: opened.t0 - n, deliveries: [{}, { to: 'b@example.com' }] })),
      );
      const expected = [ids[0], ids[2], ids[1]].flatMap((id) => [`${id}/0`, `${id}/1`]);
      expect(namesOf(await opened.store.unpublished(normal, opened.t0, 100))).toEqual(expected);
      expect(namesOf(await opened.store.unpublished(normal, opened.t0, 3))).toEqual(expected.slice(0, 3));
    });

    it('returns only deliveries of the named lane that are queued and due', async () => {
      const [mine = missing()] = await put(
        {
          deliveries: [
            { state: 'sending', wakeAt: opened.t0 },
            { to: 'b@example.com' },
            { to: 'c@example.com', wakeAt: opened.t0 + 1 },
          ],
        },
        { tier: 'high' },
        { tier: 'bulk' },
        { tenant: 'other' },
        { sender: 'other' },
      );
      const found = await opened.store.unpublished(normal, opened.t0, 100);
      expect(namesOf(found)).toEqual([`${mine}/1`]);
      expect(found[0]?.message).toEqual(await get(mine));
      for (const none of [{ tenant: 'nobody' }, { sender: 'nobody' }])
        expect(await opened.store.unpublished({ ...normal, ...none }, opened.t0, 100)).toEqual([]);
      expect(await opened.store.unpublished(normal, opened.t0 - 1, 100)).toEqual([]);
    });

    it('returns a backlog in batches, without published deliveries', async () => {
      const ids = await put(
        ...Array.from({ length: 30 }, (_, i) => ({
          createdAt: opened.t0 - 30 + i,
          deliveries: [{ wakeAt: opened.t0 }],
        })),
      );
      const seen: string[] = [];
      for (let found: readonly DueDelivery[]; ; seen.push(...namesOf(found))) {
        found = await opened.store.unpublished(normal, opened.t0, 8);
        if (found.length === 0) break;
        await opened.store.apply(found.map((one) => requeue(one, opened.t0 + MINUTE)));
      }
      expect(seen).toEqual(ids.map((id) => `${id}/0`));
    });
  });
}
