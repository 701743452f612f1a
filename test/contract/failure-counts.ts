// What every FailureCounts promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessLimits } from '../../services/core/limits/access.ts';
import type { FailureCounts } from '../../services/ports/failure-counts.ts';

export interface FailureCountsSubject extends AsyncDisposable {
  readonly counts: FailureCounts;
  /** As another program sees them; the very same where there is only one program. */
  readonly other: FailureCounts;
  /** Lets the running windows end, and all other time with them. */
  endWindows(names: readonly string[]): Promise<void>;
}

export function failureCountsContract(name: string, open: () => Promise<FailureCountsSubject>): void {
  describe(`FailureCounts contract: ${name}`, () => {
    let subject: FailureCountsSubject;

    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const countsOf = async (names: readonly string[], from = subject.counts): Promise<number[]> =>
      (await from.add(names)).map(({ count }) => count);

    it('counts each name separately, in the order given', async () => {
      expect(await countsOf(['address/a', 'key/k'])).toEqual([1, 1]);
      expect(await countsOf(['key/k'])).toEqual([2]);
      expect(await countsOf(['address/b', 'key/k', 'address/a'])).toEqual([1, 3, 2]);
    });

    it('includes the counts of other programs', async () => {
      await subject.counts.add(['address/a']);
      expect(await countsOf(['address/a'], subject.other)).toEqual([2]);
      expect(await countsOf(['address/a'])).toEqual([3]);
    });

    it('loses no concurrent failure', async () => {
      const counts = await Promise.all(Array.from({ length: 64 }, () => countsOf(['address/a', 'key/k'])));
      expect(counts.map(([count = 0]) => count).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 64 }, (_, i) => i + 1),
      );
    });

    it('returns the rest of a window, which starts with its first failure', async () => {
      const [first] = await subject.counts.add(['address/a']);
      const [second] = await subject.counts.add(['address/a']);
      expect(first?.endsInMs).toBeGreaterThan(0);
      expect(first?.endsInMs).toBeLessThanOrEqual(accessLimits.failureWindowMs);
      expect(second?.endsInMs).toBeLessThanOrEqual(first?.endsInMs ?? 0);
    });

    it('starts again after a window', async () => {
      await subject.counts.add(['address/a']);
      await subject.counts.add(['address/a']);
      await subject.endWindows(['address/a']);
      expect(await countsOf(['address/a'])).toEqual([1]);
    });

    it('returns nothing for no names', async () => {
      expect(await subject.counts.add([])).toEqual([]);
    });
  });
}
