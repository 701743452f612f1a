// A sweeper at work until it is disposed. A sweep under way ends after its present step.

import { sweepLoop } from './sweep.ts';
import type { Sweeper } from './sweeper.ts';

export function running(sweeper: Sweeper): AsyncDisposable {
  const stop = new AbortController();
  const sweeping = sweepLoop(sweeper, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await sweeping;
    },
  };
}
