import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../services/adapters/memory/clock.ts';
import { Failure } from '../../services/core/failure.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import { StoreWatch } from './store-watch.ts';

const { storeAskEveryMs, storeDownAfterMs } = operatorLimits;

function watchOf(store: { reply: 'up' | 'down' | 'hung' }) {
  const clock = new ManualClock();
  const changes: boolean[] = [];
  const watch = new StoreWatch({
    clock,
    check: async () => {
      if (store.reply === 'hung') await new Promise(() => {});
      if (store.reply === 'down') throw new Failure('unavailable', 'no reply');
    },
    onChange: () => void changes.push(watch.isDown),
  });
  const stop = new AbortController();
  const ended = watch.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return { clock, changes };
}

test('the store is down when it has been unreachable for a while, and up with the first reply', async () => {
  const store = { reply: 'up' as 'up' | 'down' };
  const { clock, changes } = watchOf(store);
  await clock.advance(storeAskEveryMs);
  store.reply = 'down';
  await clock.advance(storeDownAfterMs - storeAskEveryMs);
  expect(changes).toEqual([]);
  await clock.advance(3 * storeAskEveryMs);
  expect(changes).toEqual([true]);
  store.reply = 'up';
  await clock.advance(storeAskEveryMs);
  expect(changes).toEqual([true, false]);
});

test('a short outage is no change', async () => {
  const store = { reply: 'down' as 'up' | 'down' };
  const { clock, changes } = watchOf(store);
  await clock.advance(storeDownAfterMs - storeAskEveryMs);
  store.reply = 'up';
  await clock.advance(storeAskEveryMs);
  store.reply = 'down';
  await clock.advance(storeDownAfterMs - storeAskEveryMs);
  expect(changes).toEqual([]);
});

test('a store that never replies is down', async () => {
  const { clock, changes } = watchOf({ reply: 'hung' });
  await clock.advance(storeDownAfterMs + 2 * storeAskEveryMs + runningLimits.readinessCheckMs);
  expect(changes).toEqual([true]);
});
