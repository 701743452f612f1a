// A dispatcher at work until it is disposed (P19): then it takes nothing more, what is in SMTP may
// end by itself for `runningLimits.drainMs`, and what has not reached its final dot by then goes
// back to the queue, no attempt spent.

import { runningLimits } from '../core/limits/running.ts';
import { dispatch } from './dispatch.ts';
import type { Dispatcher } from './dispatcher.ts';

export function startDispatcher(dispatcher: Dispatcher): AsyncDisposable {
  const take = new AbortController();
  const stop = new AbortController();
  const dispatching = dispatch(dispatcher, { take: take.signal, stop: stop.signal });
  return {
    async [Symbol.asyncDispose]() {
      take.abort();
      const giveUp = setTimeout(() => stop.abort(), runningLimits.drainMs);
      await dispatching;
      clearTimeout(giveUp);
    },
  };
}
