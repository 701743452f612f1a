// What every SenderFiguresStore promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PausedRoute, SenderFigures, SenderFiguresStore } from '../../services/ports/sender-figures.ts';

export interface SenderFiguresSubject extends AsyncDisposable {
  readonly store: SenderFiguresStore;
  /** Another one over the same data, as another dispatcher has. */
  readonly another: SenderFiguresStore;
  /** Makes what was told so far older by so many ms. */
  readonly age: (ms: number) => Promise<void>;
}

const figures = (more: Partial<SenderFigures>): SenderFigures => ({
  ...{
    tenant: 'shop',
    sender: 'billing',
    sent: 0,
    deferred: 0,
    bounced: 0,
    lastReply: null,
    pausedRoutes: {},
  },
  ...more,
});

const down = (until: number): PausedRoute => ({ until, reason: 'connect', message: 'no connection' });
const noLogin = (until: number): PausedRoute => ({ until, reason: 'auth', message: 'no login' });

export function senderFiguresContract(name: string, open: () => Promise<SenderFiguresSubject>): void {
  describe(`SenderFiguresStore contract: ${name}`, () => {
    let subject: SenderFiguresSubject;

    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('adds the figures of several dispatchers for each sender', async () => {
      const early = { at: 5, code: 250, enhanced: null };
      const late = { at: 9, code: 451, enhanced: '4.3.0' };
      await subject.store.add([]);
      await subject.store.add([
        figures({ sent: 3, lastReply: early, pausedRoutes: { relay: down(50), 'spare.example': down(20) } }),
        figures({ tenant: 'other', bounced: 1 }),
      ]);
      await subject.another.add([
        figures({ sent: 2, deferred: 1, lastReply: late, pausedRoutes: { relay: noLogin(70) } }),
      ]);
      const sums = await subject.store.lastHour();
      expect(sums).toHaveLength(2);
      expect(sums).toContainEqual(
        figures({
          sent: 5,
          deferred: 1,
          lastReply: late,
          pausedRoutes: { relay: noLogin(70), 'spare.example': down(20) },
        }),
      );
      expect(sums).toContainEqual(figures({ tenant: 'other', bounced: 1 }));
    });

    it('includes figures of half an hour ago, and excludes figures older than an hour', async () => {
      await subject.store.add([figures({ sent: 5 })]);
      await subject.age(1_800_000);
      await subject.store.add([figures({ sent: 1 })]);
      expect(await subject.store.lastHour()).toEqual([figures({ sent: 6 })]);
      await subject.age(2_400_000);
      expect(await subject.store.lastHour()).toEqual([figures({ sent: 1 })]);
    });
  });
}
