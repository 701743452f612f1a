// What every LostEntries promises. An adapter's test opens by calling this with a way to get an
// empty store; nothing in here sleeps.

import { describe, expect, it } from 'vitest';
import { entryLost } from '../../services/core/delivery/delivery.ts';
import { viewOf } from '../../services/core/delivery/message.ts';
import type { DueDeliveries } from '../../services/ports/due-deliveries.ts';
import type { LostEntries } from '../../services/ports/lost-entries.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { SampleDelivery } from './sample-message.ts';
import { MINUTE, namesOf, type OpenedStore, openForEachTest } from './store-in-test.ts';

export function lostEntriesContract(
  name: string,
  open: () => Promise<OpenedStore<MessageStore & DueDeliveries & LostEntries>>,
): void {
  describe(`LostEntries contract: ${name}`, () => {
    const opened = openForEachTest(open);
    const { put, get, sample } = opened;

    /** Deliveries by what they are, with times relative to `t0`. */
    const cases: readonly (readonly [what: string, isInQueue: boolean, of: SampleDelivery])[] = [
      ['published', true, { due: -1, wakeAt: MINUTE }],
      ['published at this moment', true, { due: 0, wakeAt: MINUTE }],
      ['published again after a hold', true, { due: -1, wakeAt: MINUTE, hold: { reason: 'budget' } }],
      ['published, with an expiry before the next look', true, { due: -1, wakeAt: 2 }],
      ['in its backlog', false, { due: -1, wakeAt: -1 }],
      ['in its backlog again, since nobody claimed it', false, { due: -2, wakeAt: 0 }],
      ['held', false, { due: MINUTE, wakeAt: MINUTE, hold: { reason: 'route' } }],
      ['held beyond its expiry', false, { due: MINUTE, wakeAt: 3, hold: { reason: 'suspended' } }],
      ['scheduled', false, { state: 'scheduled', due: -1, wakeAt: MINUTE }],
      ['deferred', false, { state: 'deferred', due: -1, wakeAt: MINUTE }],
      ['being sent', false, { state: 'sending', due: -1, wakeAt: MINUTE }],
      ['delivered', false, { state: 'delivered', due: -1, wakeAt: null }],
    ];
    const at = ({ due = 0, wakeAt = null, ...more }: SampleDelivery): SampleDelivery => ({
      ...more,
      due: opened.t0 + due,
      wakeAt: wakeAt === null ? null : opened.t0 + wakeAt,
    });

    it.each(cases)('a delivery that is %s is changed (%s) as the core decides', async (_, is, of) => {
      const [id] = await put({ deliveries: [at(of)] });
      const before = await get(id as NonNullable<typeof id>);
      const decided = entryLost(viewOf(before, 0), opened.t0);
      expect(decided !== null).toBe(is);
      expect(await opened.store.forgetEntries()).toBe(is ? 1 : 0);
      const after = await get(before.id);
      expect(after.deliveries[0]).toEqual({
        ...before.deliveries[0],
        ...decided?.set,
        version: after.deliveries[0]?.version,
      });
      expect(after.deliveries[0]?.version === before.deliveries[0]?.version).toBe(!is);
      expect(after.events).toEqual(before.events);
    });

    it('covers every lane, each delivery of a message by itself, and nothing twice', async () => {
      const inQueue = at({ due: -1, wakeAt: MINUTE });
      const ids = await put(
        ...(['high', 'normal', 'bulk'] as const).map((tier) => ({ tier, deliveries: [inQueue] })),
        {
          tenant: 'other',
          deliveries: [inQueue, { to: 'b@example.com', ...at({ wakeAt: MINUTE, due: MINUTE }) }],
        },
      );
      expect(await opened.store.backlogs(opened.t0)).toEqual([]);
      expect(await opened.store.forgetEntries()).toBe(4);
      expect(await opened.store.backlogs(opened.t0)).toHaveLength(4);
      const others = await opened.store.unpublished(
        { tenant: 'other', tier: 'normal', sender: 'acme' },
        opened.t0,
        10,
      );
      expect(namesOf(others)).toEqual([`${ids[3]}/0`]);
      expect(await opened.store.forgetEntries()).toBe(0);
    });

    it('puts what had an entry in front of what was accepted later', async () => {
      const [later, earlier] = [
        sample({ createdAt: opened.t0 - 1, deliveries: [at({ due: -1, wakeAt: -1 })] }),
        sample({ createdAt: opened.t0 - 2, deliveries: [at({ due: -2, wakeAt: MINUTE })] }),
      ];
      await opened.store.insert([later, earlier]);
      await opened.store.forgetEntries();
      const found = await opened.store.unpublished(
        { tenant: 'default', tier: 'normal', sender: 'acme' },
        opened.t0,
        10,
      );
      expect(namesOf(found)).toEqual([`${earlier.id}/0`, `${later.id}/0`]);
    });
  });
}
