// A sweeper at work until it is disposed. A sweep under way ends after its present step.

import { countQueued } from './count-queued.ts';
import { sweepLoop } from './sweep.ts';
import type { Sweeper } from './sweeper.ts';

export function startSweeper(sweeper: Sweeper): AsyncDisposable {
  const stop = new AbortController();
  const working = [sweepLoop(sweeper, stop.signal), countQueued(sweeper, stop.signal)];
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(working);
    },
  };
}
