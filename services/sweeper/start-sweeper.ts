// Starts a sweeper, which runs until it is disposed. A running sweep ends after its current step.

import { countQueued } from './count-queued.ts';
import { eraseDrained } from './erase-drained.ts';
import { sweepLoop } from './sweep.ts';
import type { Sweeper } from './sweeper-parts.ts';

export function startSweeper(sweeper: Sweeper): AsyncDisposable {
  const stop = new AbortController();
  const working = [
    sweepLoop(sweeper, stop.signal),
    countQueued(sweeper, stop.signal),
    eraseDrained(sweeper, stop.signal),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(working);
    },
  };
}
