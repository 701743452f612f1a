// How many deliveries are queued, and since when the oldest of them could have been sent.

import { describe, expect, it } from 'vitest';
import type { DueDeliveries } from '../../services/ports/due-deliveries.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { SampleDelivery } from './sample-message.ts';
import { MINUTE, missing, type StoreInTest } from './store-in-test.ts';

export function queueFigures(opened: StoreInTest<MessageStore & DueDeliveries>): void {
  const { put, changeOf } = opened;

  describe('countQueued and oldestDue', () => {
    it('counts queued deliveries, published or not, up to a limit', async () => {
      expect(await opened.store.countQueued(10)).toBe(0);
      await put(
        {},
        {
          tenant: 'other',
          tier: 'bulk',
          deliveries: [
            { wakeAt: opened.t0 + MINUTE },
            { to: 'b@example.com' },
            { to: 'c@example.com', state: 'sending' },
          ],
        },
        { deliveries: [{ state: 'deferred', wakeAt: opened.t0 }] },
        { deliveries: [{ state: 'delivered', wakeAt: null }] },
      );
      expect(await opened.store.countQueued(10)).toBe(3);
      expect(await opened.store.countQueued(2)).toBe(2);
    });

    const sendable: readonly (readonly [
      title: string,
      delivery: () => SampleDelivery,
      isSendable: boolean,
    ])[] = [
      ['queued and not published', () => ({}), true],
      ['queued and published', () => ({ wakeAt: opened.t0 + MINUTE }), true],
      ['deferred and due, which a sweeper has still to notice', () => ({ state: 'deferred' }), true],
      ['scheduled and due', () => ({ state: 'scheduled' }), true],
      [
        'being sent',
        () => ({ state: 'sending', phase: 'streaming', lease: { id: 'lease_1', until: opened.t0 + MINUTE } }),
        false,
      ],
      ['held for its budget', () => ({ hold: { reason: 'budget' } }), false],
      ['held for its route', () => ({ hold: { reason: 'route' } }), false],
      ['held because its sender is suspended', () => ({ hold: { reason: 'suspended' } }), false],
      ['delivered', () => ({ state: 'delivered', wakeAt: null }), false],
      ['bounced', () => ({ state: 'bounced', wakeAt: null }), false],
      ['cancelled', () => ({ state: 'cancelled', wakeAt: null }), false],
    ];

    it.each(sendable)('oldestDue of a delivery that is %s', async (_, delivery, isSendable) => {
      const due = opened.t0 - 5_000;
      await put({ deliveries: [{ due, wakeAt: due, ...delivery() }] });
      expect(await opened.store.oldestDue(opened.t0)).toBe(isSendable ? due : null);
      // the given time is inclusive
      expect(await opened.store.oldestDue(due)).toBe(isSendable ? due : null);
      expect(await opened.store.oldestDue(due - 1)).toBeNull();
    });

    it('oldestDue is the earliest due of all tenants', async () => {
      expect(await opened.store.oldestDue(opened.t0)).toBeNull();
      await put(
        {
          createdAt: opened.t0 - MINUTE,
          deliveries: [{ due: opened.t0 + MINUTE, wakeAt: opened.t0 + MINUTE }],
        },
        {
          tenant: 'other',
          tier: 'bulk',
          deliveries: [
            { due: opened.t0 - 1 },
            { to: 'b@example.com', due: opened.t0 - 10, hold: { reason: 'budget' } },
          ],
        },
        {
          deliveries: [
            { state: 'deferred', due: opened.t0 - 2, wakeAt: opened.t0 - 2 },
            { to: 'b@example.com', due: opened.t0 - 3 },
          ],
        },
        {
          deliveries: [
            { state: 'delivered', due: opened.t0 - 20, wakeAt: null },
            { to: 'b@example.com', state: 'scheduled', due: opened.t0 + 1 },
          ],
        },
      );
      expect(await opened.store.oldestDue(opened.t0)).toBe(opened.t0 - 3);
      expect(await opened.store.oldestDue(opened.t0 - 4)).toBeNull();
    });

    it('oldestDue ignores a delivery while it has a hold', async () => {
      const [id = missing()] = await put({ deliveries: [{ due: opened.t0 - 5 }] });
      await opened.store.apply([await changeOf(id, { hold: { reason: 'route' } })]);
      expect(await opened.store.oldestDue(opened.t0)).toBeNull();
      await opened.store.apply([await changeOf(id, { hold: null, due: opened.t0 - 4 })]);
      expect(await opened.store.oldestDue(opened.t0)).toBe(opened.t0 - 4);
    });
  });
}
