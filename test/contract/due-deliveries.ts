// What every DueDeliveries promises. An adapter's test opens by calling this with a way to get an
// empty store; nothing in here sleeps.

import { describe, expect, it } from 'vitest';
import type { DeliveryState } from '../../services/core/delivery/delivery.ts';
import type { DueDeliveries } from '../../services/ports/due-deliveries.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { backlogsAndUnpublished } from './due-deliveries-backlogs.ts';
import { queueFigures } from './due-deliveries-figures.ts';
import { MINUTE, missing, namesOf, type OpenedStore, openForEachTest, requeue } from './store-in-test.ts';

export function dueDeliveriesContract(
  name: string,
  open: () => Promise<OpenedStore<MessageStore & DueDeliveries>>,
): void {
  describe(`DueDeliveries contract: ${name}`, () => {
    const opened = openForEachTest(open);
    const { put, get, changeOf } = opened;

    describe('woken', () => {
      const woken: readonly Exclude<DeliveryState, 'queued'>[] = ['scheduled', 'sending', 'deferred'];

      it('finds due deliveries in the given states', async () => {
        const due = await put(
          { deliveries: [{ state: 'scheduled', wakeAt: opened.t0 - 2 }] },
          { deliveries: [{ state: 'sending', wakeAt: opened.t0 - 1 }] },
          { deliveries: [{ state: 'deferred', wakeAt: opened.t0 }] },
        );
        await put(
          { deliveries: [{ state: 'deferred', wakeAt: opened.t0 + 1 }] },
          { deliveries: [{ state: 'queued', wakeAt: opened.t0 - 1 }] },
          { deliveries: [{ state: 'delivered', wakeAt: null }] },
          { deliveries: [{ state: 'deferred', wakeAt: null }] },
        );
        expect(namesOf(await opened.store.woken(woken, opened.t0, 100)).toSorted()).toEqual(
          due.map((id) => `${id}/0`).toSorted(),
        );
        expect(namesOf(await opened.store.woken(['sending'], opened.t0, 100))).toEqual([`${due[1]}/0`]);
        expect(namesOf(await opened.store.woken(['scheduled', 'deferred'], opened.t0 - 1, 100))).toEqual([
          `${due[0]}/0`,
        ]);
        expect(await opened.store.woken(['dead'], opened.t0 + MINUTE, 100)).toEqual([]);
        expect(await opened.store.woken([], opened.t0 + MINUTE, 100)).toEqual([]);
      });

      it('returns exactly the matching deliveries of a message', async () => {
        const [id = missing()] = await put({
          deliveries: [
            { state: 'deferred', wakeAt: opened.t0 },
            { to: 'b@example.com', state: 'sending', wakeAt: opened.t0 },
            { to: 'c@example.com', state: 'deferred', wakeAt: opened.t0 + 1 },
            { to: 'd@example.com', state: 'deferred', wakeAt: opened.t0 - 1 },
            // the state of one delivery and the time of another must not count as a match
            { to: 'e@example.com', state: 'delivered', wakeAt: null },
          ],
        });
        const found = await opened.store.woken(['deferred'], opened.t0, 100);
        expect(namesOf(found).toSorted()).toEqual([`${id}/0`, `${id}/3`]);
        expect(found.map((one) => one.message)).toEqual([await get(id), await get(id)]);
        expect(await opened.store.woken(['scheduled'], opened.t0 + MINUTE, 100)).toEqual([]);
      });

      it('returns at most the limit, and everything over several calls', async () => {
        await put(
          ...Array.from(
            { length: 7 },
            (_, i) =>
              ({
                deliveries: [
                  { state: 'deferred', wakeAt: opened.t0 - i },
                  { to: 'b@example.com', state: 'deferred', wakeAt: opened.t0 - i },
                ],
              }) as const,
          ),
        );
        const seen: string[] = [];
        for (let turn = 0; turn < 5; turn++) {
          const found = await opened.store.woken(['deferred'], opened.t0, 3);
          expect(found).toHaveLength(turn < 4 ? 3 : 2);
          seen.push(...namesOf(found));
          await opened.store.apply(found.map((one) => requeue(one, opened.t0 + MINUTE)));
        }
        expect(new Set(seen).size).toBe(14);
        expect(await opened.store.woken(['deferred'], opened.t0 + 2 * MINUTE, 3)).toEqual([]);
      });

      it('sees each change of state and time', async () => {
        const [id = missing()] = await put({ deliveries: [{ state: 'sending', wakeAt: opened.t0 }] });
        await opened.store.apply([await changeOf(id, { wakeAt: opened.t0 + MINUTE })]);
        expect(await opened.store.woken(['sending'], opened.t0, 10)).toEqual([]);
        expect(namesOf(await opened.store.woken(['sending'], opened.t0 + MINUTE, 10))).toEqual([`${id}/0`]);
        await opened.store.apply([await changeOf(id, { state: 'unknown', wakeAt: null })]);
        expect(await opened.store.woken(['sending', 'unknown'], opened.t0 + MINUTE, 10)).toEqual([]);
      });
    });

    backlogsAndUnpublished(opened);
    queueFigures(opened);
  });
}
