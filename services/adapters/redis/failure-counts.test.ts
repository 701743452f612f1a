import { expect, it, vi } from 'vitest';
import { failureCountsContract } from '../../../test/contract/failure-counts.ts';
import { startRedis, uniqueName } from '../../../test/support/backend.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import { accessLimits } from '../../core/limits/access.ts';
import { openRedis, type RedisConnection } from './connection.ts';
import { RedisFailureCounts } from './failure-counts.ts';

/** A clock that moves only when a test moves it. */
class StandingClock {
  now = 0;
  monotonic(): number {
    return this.now;
  }
}

describeWith(['redis'], 'failures counted in Redis', () => {
  failureCountsContract('redis', async () => {
    const { url } = await borrow('redis');
    const prefix = uniqueName('failures');
    const clock = new StandingClock();
    const connections = [openRedis(url), openRedis(url)] as const;
    for (const redis of connections) await vi.waitFor(() => redis.check());
    const [counts, other] = [
      new RedisFailureCounts(connections[0], { clock, prefix }),
      new RedisFailureCounts(connections[1], { clock, prefix }),
    ];
    const forget = async (): Promise<void> => {
      const { client } = connections[0];
      const keys = await client.keys(`{${prefix}}*`);
      if (keys.length > 0) await client.del(...keys);
    };
    return {
      counts,
      other,
      // Redis deletes a key at the end of its window, and the next test observes that
      endWindows: async () => {
        await forget();
        clock.now += accessLimits.failureWindowMs;
      },
      [Symbol.asyncDispose]: async () => {
        await forget();
        for (const redis of connections) await redis[Symbol.asyncDispose]();
      },
    };
  });
});

describeWith(['redis-server'], 'failures counted in a Redis of their own', () => {
  it('are forgotten by Redis after a window', async () => {
    await using open = await openOne();
    await open.counts.add(['address/a', 'key/k']);
    await open.counts.add(['address/a']);
    const keys = await open.redis.client.keys('*');
    expect(keys.toSorted()).toEqual(['{packetboat}:failures:address/a', '{packetboat}:failures:key/k']);
    for (const key of keys) {
      const left = await open.redis.client.pttl(key);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(accessLimits.failureWindowMs);
    }
  });

  it('need one call for any number of names', async () => {
    await using open = await openOne();
    await open.counts.add(['warm']);
    const before = await scriptCalls(open.redis);
    await open.counts.add(['a', 'b', 'c']);
    expect((await scriptCalls(open.redis)) - before).toBe(1);
  });

  it.each([
    ['killed', (server: Server) => server.kill(), (server: Server) => server.restart()],
    [
      'killed and erased',
      (server: Server) => server.kill(),
      (server: Server) => server.restart({ erase: true }),
    ],
    ['frozen', async (server: Server) => server.pause(), async (server: Server) => server.resume()],
  ])(
    'continue in this process while Redis is %s, and are shared again afterwards',
    async (_, lose, bringBack) => {
      await using open = await openOne();
      const count = async (): Promise<number> => (await open.counts.add(['address/a']))[0]?.count ?? 0;
      expect([await count(), await count()]).toEqual([1, 2]);
      await lose(open.server);
      expect([await count(), await count(), await count()]).toEqual([3, 4, 5]);
      await bringBack(open.server);
      await vi.waitFor(async () => {
        open.clock.now += accessLimits.failureCountsPauseMs;
        const name = `probe/${open.clock.now}`;
        await open.counts.add([name]);
        expect(await open.redis.client.exists(`{packetboat}:failures:${name}`)).toBe(1);
      }, 10_000);
      expect(await count()).toBe(6);
    },
  );

  it('ask a lost Redis once in each pause, so that a flood of failures does not wait for it', async () => {
    await using open = await openOne();
    await open.counts.add(['warm']);
    const before = await scriptCalls(open.redis);
    open.server.pause();
    for (let i = 1; i <= 20; i++) expect((await open.counts.add(['address/a']))[0]?.count).toBe(i);
    open.clock.now += accessLimits.failureCountsPauseMs;
    expect((await open.counts.add(['address/a']))[0]?.count).toBe(21);
    open.server.resume();
    await vi.waitFor(() => open.redis.check());
    // a server that runs again executes the commands that it got meanwhile
    expect((await scriptCalls(open.redis)) - before).toBe(2);
  });
});

type Server = Awaited<ReturnType<typeof startRedis>>;

async function openOne() {
  const server = await startRedis();
  const redis = openRedis(server.url);
  await vi.waitFor(() => redis.check());
  const clock = new StandingClock();
  return {
    server,
    redis,
    clock,
    counts: new RedisFailureCounts(redis, { clock }),
    [Symbol.asyncDispose]: async () => {
      await redis[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function scriptCalls(redis: RedisConnection): Promise<number> {
  const text = await redis.client.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0);
}
