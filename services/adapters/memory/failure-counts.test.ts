import { failureCountsContract } from '../../../test/contract/failure-counts.ts';
import { accessLimits } from '../../core/limits/access.ts';
import { ManualClock } from './clock.ts';
import { MemoryFailureCounts } from './failure-counts.ts';

failureCountsContract('memory', async () => {
  const clock = new ManualClock();
  const counts = new MemoryFailureCounts(clock);
  return {
    counts,
    other: counts,
    endWindows: () => clock.advance(accessLimits.failureWindowMs),
    [Symbol.asyncDispose]: async () => {},
  };
});
