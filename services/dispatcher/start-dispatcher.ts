// Starts a dispatcher, which runs until it is disposed (P19). Then it takes no more entries and
// lets SMTP transactions finish for `runningLimits.drainMs`. Deliveries that have not reached their
// final dot by then are queued again, and no attempt is counted.

import { runningLimits } from '../core/limits/running.ts';
import { dispatch } from './dispatch.ts';
import type { Dispatcher } from './dispatcher-parts.ts';

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
