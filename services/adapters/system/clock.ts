// The clock of the machine.

import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';

/** Node takes a longer wait for 1 ms. */
const WAIT_MAX_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // the only way for it to reject is the abort, and that is an end of the sleep like any other
  sleep: (ms, signal) =>
    setTimeout(Math.min(ms, WAIT_MAX_MS), undefined, signal === undefined ? {} : { signal }).catch(() => {}),
};
