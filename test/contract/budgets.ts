// What every Budgets promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Budget, Budgets, Reservation } from '../../services/ports/budgets.ts';

export interface BudgetsSubject extends AsyncDisposable {
  /** As a program sees them. */
  readonly budgets: Budgets;
  /**
   * The same buckets as another program sees them, disposed with the subject; the very same where
   * there is only one program.
   */
  other(): Promise<Budgets>;
  now(): number;
  elapse(ms: number): Promise<void>;
}

const HOUR = 3_600_000;
/** Nothing fills while a test looks. */
const slow: Budget = { name: 'key/slow', limit: 20, windowMs: 24 * HOUR, burst: 5 };
/** A token every 50 ms. */
const quick: Budget = { name: 'key/quick', limit: 20, windowMs: 1_000, burst: 3 };

export function budgetsContract(name: string, open: () => Promise<BudgetsSubject>): void {
  describe(`Budgets contract: ${name}`, () => {
    let subject: BudgetsSubject;
    let budgets: Budgets;

    beforeEach(async () => {
      subject = await open();
      budgets = subject.budgets;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    async function reserve(budget: Budget, tokens: number, from = budgets): Promise<Reservation> {
      const [reservation] = await from.reserve([{ budget, tokens }]);
      if (reservation === undefined) throw new Error('no answer');
      return reservation;
    }

    it('grants the burst at once and returns the remaining tokens', async () => {
      for (const left of [4, 3, 2, 1, 0]) {
        const at = subject.now();
        const got = await reserve(slow, 1);
        expect(got).toMatchObject({ granted: 1, waitMs: 0, limit: 20, remaining: left });
        const perToken = slow.windowMs / slow.limit;
        expect(got.resetAt - at).toBeGreaterThan((4 - left) * perToken);
        expect(got.resetAt - at).toBeLessThanOrEqual((5 - left) * perToken + 1_000);
      }
    });

    it('refuses more than the burst, and a refusal spends nothing', async () => {
      await reserve(slow, 5);
      for (let again = 0; again < 3; again += 1) {
        const got = await reserve(slow, 1);
        expect(got).toMatchObject({ granted: 0, remaining: 0 });
        expect(got.waitMs).toBeGreaterThan(0);
        expect(got.waitMs).toBeLessThanOrEqual(slow.windowMs / slow.limit);
      }
    });

    it('grants some of the tokens if not all are available', async () => {
      const got = await reserve(slow, 8);
      expect(got).toMatchObject({ granted: 5, remaining: 0 });
      expect(got.waitMs).toBeGreaterThan(0);
    });

    it('has one more token after the wait that it returned', async () => {
      await reserve(quick, 3);
      const { waitMs } = await reserve(quick, 3);
      expect(waitMs).toBeLessThanOrEqual(50);
      await subject.elapse(waitMs);
      expect((await reserve(quick, 1)).granted).toBe(1);
    });

    it('is full again at the time that it returned, and not fuller', async () => {
      const { resetAt } = await reserve(quick, 3);
      await subject.elapse(Math.max(0, resetAt - subject.now()) + 100);
      expect((await reserve(quick, 9)).granted).toBe(3);
    });

    it('reserves from several budgets in one call, in order and independently', async () => {
      const other = { ...slow, name: 'sender/acme/billing', limit: 7 };
      await reserve(slow, 5);
      const answers = await budgets.reserve([
        { budget: slow, tokens: 1 },
        { budget: other, tokens: 2 },
        { budget: other, tokens: 4 },
      ]);
      expect(answers).toMatchObject([
        { granted: 0, limit: 20, remaining: 0 },
        { granted: 2, limit: 7, remaining: 3 },
        { granted: 3, limit: 7, remaining: 0 },
      ]);
    });

    it('returns nothing for no requests, and takes nothing for zero tokens', async () => {
      expect(await budgets.reserve([])).toEqual([]);
      expect(await reserve(slow, 0)).toMatchObject({ granted: 0, waitMs: 0, remaining: 5 });
    });

    it('has the tokens again that were put back, and no more than the burst', async () => {
      await reserve(slow, 5);
      await budgets.putBack(slow, 3);
      expect(await reserve(slow, 4)).toMatchObject({ granted: 3, remaining: 0 });
      await budgets.putBack(slow, 2);
      await budgets.putBack(slow, 5);
      expect((await reserve(slow, 9, await subject.other())).granted).toBe(5);
      await budgets.putBack({ ...slow, name: 'key/never-seen' }, 3);
      expect((await reserve({ ...slow, name: 'key/never-seen' }, 9)).granted).toBe(5);
    });

    it('applies a changed budget', async () => {
      await reserve(slow, 1);
      expect((await reserve({ ...slow, burst: 2 }, 5)).granted).toBe(2);
      expect((await reserve({ ...slow, windowMs: HOUR }, 9)).granted).toBe(5);
    });

    it('a limit of zero grants the burst once', async () => {
      const none = { ...slow, limit: 0, burst: 1 };
      expect((await reserve(none, 2)).granted).toBe(1);
      expect(await reserve(none, 1)).toMatchObject({ granted: 0, waitMs: none.windowMs });
    });

    it('programs share a bucket: together they get no more than its tokens', async () => {
      const large: Budget = { name: 'key/large', limit: 6_000, windowMs: 24 * HOUR, burst: 6_000 };
      const both = [budgets, await subject.other()];
      const answers = await Promise.all(
        Array.from({ length: 400 }, (_, i) => reserve(large, 20, both[i % 2])),
      );
      const granted = answers.reduce((sum, a) => sum + a.granted, 0);
      expect(granted).toBeLessThanOrEqual(6_000);
      // what is reserved ahead is a small part
      expect(granted).toBeGreaterThanOrEqual(5_800);
    });

    it('one call for many tokens equals many calls for one', async () => {
      const medium: Budget = { name: 'key/medium', limit: 2_000, windowMs: 24 * HOUR, burst: 2_000 };
      let granted = 0;
      for (let calls = 0; calls < 150; calls += 1) granted += (await reserve(medium, 1)).granted;
      const rest = await reserve(medium, 5_000);
      expect(granted).toBe(150);
      expect(granted + rest.granted).toBeLessThanOrEqual(2_000);
      expect(granted + rest.granted).toBeGreaterThanOrEqual(1_950);
    });

    it('check resolves', async () => {
      await budgets.check();
    });
  });
}
