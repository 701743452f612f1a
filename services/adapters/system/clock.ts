// The clock of the machine.

import { uptime } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';

/** Node turns a longer wait into 1 ms. */
const WAIT_MAX_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1_000,
  // the promise rejects only on abort, which ends the sleep like any other end
  sleep: (ms, signal) =>
    setTimeout(Math.min(ms, WAIT_MAX_MS), undefined, signal === undefined ? {} : { signal }).catch(() => {}),
};
