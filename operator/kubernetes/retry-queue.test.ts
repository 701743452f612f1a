import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../services/adapters/memory/clock.ts';
import { RetryQueue } from './retry-queue.ts';

type Work = (key: string) => Promise<number | null>;

/** A queue at work, and what it did. */
function open(work: Work, workers = 4) {
  const clock = new ManualClock();
  const begun: [string, number][] = [];
  const reported: string[] = [];
  const results: string[] = [];
  const start = clock.monotonic();
  const queue = new RetryQueue({
    clock,
    work: (key) => {
      begun.push([key, clock.monotonic() - start]);
      return work(key);
    },
    report: (what) => reported.push(what),
    metrics: {
      added: () => {},
      retried: () => {},
      depth: () => {},
      worked: (result) => results.push(result),
    },
  });
  const stop = new AbortController();
  const running = queue.run(workers, stop.signal);
  return {
    ...{ clock, queue, begun, reported, results },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await clock.advance(0);
      await running;
    },
  };
}

describe('the retry queue', () => {
  test('works once on a key that was added many times', async () => {
    await using q = open(async () => null);
    for (let i = 0; i < 10; i += 1) q.queue.add('shop/a');
    await q.clock.advance(1_000);
    expect(q.begun).toEqual([['shop/a', 0]]);
  });

  test('never gives a key to two workers, and queues it again when it was added meanwhile', async () => {
    const ended = Promise.withResolvers<null>();
    await using q = open((key) => (key === 'shop/a' ? ended.promise : Promise.resolve(null)));
    q.queue.add('shop/a');
    await q.clock.advance(0);
    q.queue.add('shop/a');
    q.queue.add('shop/b');
    await q.clock.advance(10);
    expect(q.begun.map(([key]) => key)).toEqual(['shop/a', 'shop/b']);
    ended.resolve(null);
    await q.clock.advance(10);
    expect(q.begun.map(([key]) => key)).toEqual(['shop/a', 'shop/b', 'shop/a']);
  });

  test('works on one key per worker at a time', async () => {
    await using q = open(() => q.clock.sleep(100).then(() => null), 2);
    for (const key of ['a', 'b', 'c']) q.queue.add(key);
    await q.clock.advance(50);
    expect(q.begun).toHaveLength(2);
    await q.clock.advance(100);
    expect(q.begun).toHaveLength(3);
    await q.clock.advance(100);
  });

  test('retries after 0.5 s, backs off up to 5 min, and starts over after a success', async () => {
    let isBroken = true;
    await using q = open(async () => {
      if (isBroken) throw new Error('no');
      return null;
    });
    q.queue.add('a');
    await q.clock.advance(20 * 60_000);
    const waits = q.begun.slice(1).map(([, at], i) => at - (q.begun[i]?.[1] ?? 0));
    expect(waits).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ]);
    expect(q.reported).toHaveLength(q.begun.length);
    isBroken = false;
    await q.clock.advance(5 * 60_000);
    isBroken = true;
    const before = q.begun.length;
    q.queue.add('a');
    await q.clock.advance(500);
    expect(q.begun).toHaveLength(before + 2);
    expect(q.results.at(before - 1)).toBe('success');
  });

  test('queues a key after the time that its work asks for, or sooner when it is added', async () => {
    await using q = open(async () => 60_000);
    q.queue.add('a');
    await q.clock.advance(30_000);
    q.queue.add('a');
    await q.clock.advance(59_000);
    expect(q.begun.map(([, at]) => at)).toEqual([0, 30_000]);
    await q.clock.advance(1_000);
    expect(q.begun.map(([, at]) => at)).toEqual([0, 30_000, 90_000]);
  });
});
