import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, type MockInstance, vi } from 'vitest';
import { budgetsContract } from '../../../test/contract/budgets.ts';
import { type Backend, startRedis, uniqueName } from '../../../test/support/backend.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import { fullBucket, take, tokensIn } from '../../core/delivery/pacing/bucket.ts';
import { budgetsLimits } from '../../core/limits/budgets.ts';
import { connectionLimits } from '../../core/limits/connection.ts';
import type { Budget, Budgets, Reservation } from '../../ports/budgets.ts';
import { ManualClock } from '../memory/clock.ts';
import { systemClock } from '../system/clock.ts';
import { RedisBudgets } from './budgets.ts';
import { openRedis, type RedisConnection } from './connection.ts';

const HOUR = 3_600_000;
const budget: Budget = { name: 'key/a', limit: 1_000, windowMs: HOUR, burst: 1_000 };

describeWith(['redis'], 'budgets in Redis', () => {
  budgetsContract('redis', async () => {
    const { url } = await borrow('redis');
    const prefix = uniqueName('budgets');
    const opened: AsyncDisposable[] = [];
    const open = async (): Promise<Budgets> => {
      const redis = openRedis(url);
      const budgets = new RedisBudgets(redis, { clock: systemClock, prefix });
      opened.push(redis, budgets);
      return budgets;
    };
    const budgets = await open();
    await budgets.check();
    return {
      budgets,
      other: open,
      now: () => Date.now(),
      // a timer may fire a millisecond early
      elapse: (ms) => sleep(ms + 2),
      [Symbol.asyncDispose]: async () => {
        await forget(url, prefix);
        for (const one of opened.reverse()) await one[Symbol.asyncDispose]();
      },
    };
  });
});

describeWith(['redis-server'], 'budgets in a Redis of their own', () => {
  it('compute like the core', async () => {
    await using open = await openPrograms(1);
    const budgets = open.program(0);
    let run = 0;
    // a slow rate: no token is added while the test runs
    const rates = fc.record({
      burst: fc.integer({ min: 1, max: 30 }),
      limit: fc.nat(20),
      windowMs: fc.constant(24 * HOUR),
    });
    const calls = fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(rates, calls, async (rate, asks) => {
        const named = { ...rate, name: `key/${run++}` };
        let bucket = fullBucket(rate, 0);
        for (const batch of asks) {
          const answers = await budgets.reserve(batch.map((tokens) => ({ budget: named, tokens })));
          for (const [i, tokens] of batch.entries()) {
            const took = take(bucket, rate, tokens, 0);
            bucket = took.bucket;
            expect(answers[i]).toMatchObject({ granted: took.granted, remaining: tokensIn(bucket, rate) });
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('need one call to Redis for twenty reservations', async () => {
    await using open = await openPrograms(1);
    const budgets = open.program(0);
    const large = { ...budget, limit: 5_000, burst: 5_000 };
    const before = await scriptCalls(open.control);
    for (let i = 0; i < 400; i += 1)
      expect(await reserve(budgets, 1, large)).toMatchObject({ granted: 1, waitMs: 0 });
    const heartbeats = 2;
    expect((await scriptCalls(open.control)) - before).toBeLessThanOrEqual(400 / 20 + heartbeats);
    expect((await reserve(budgets, 1, large)).remaining).toBeGreaterThan(4_500);
  });

  it('need one call for all claims on a budget, and grant tokens in order', async () => {
    await using open = await openPrograms(1);
    const large = { ...budget, limit: 5_000, burst: 5_000 };
    const asks = Array.from({ length: 64 }, () => ({ budget: large, tokens: 1 }));
    const answers = await open.program(0).reserve(asks);
    const first = answers[0]?.remaining ?? 0;
    expect(first).toBe(large.burst - budgetsLimits.budgetLeaseTokens - 1);
    expect(answers.map((answer) => answer.remaining)).toEqual(asks.map((_, i) => first - i));
  });

  it('reserve at most one lease ahead, however many calls run at once', async () => {
    await using open = await openPrograms(2);
    const [a, b] = [open.program(0), open.program(1)];
    const large = { ...budget, limit: 5_000, burst: 5_000 };
    await Promise.all(Array.from({ length: 200 }, () => reserve(a, 1, large)));
    const rest = await reserve(b, 9_999, large);
    expect(200 + rest.granted).toBeLessThanOrEqual(5_000);
    expect(200 + rest.granted).toBeGreaterThanOrEqual(5_000 - 3 * budgetsLimits.budgetLeaseTokens);
  });

  it('reply within half the call timeout before Redis was ever up, and are shared afterwards', async () => {
    await using server = await startRedis();
    await server.kill();
    await using redis = openRedis(server.url);
    await using control = openRedis(server.url);
    const clock = new ManualClock();
    await using budgets = new RedisBudgets(redis, { clock });
    const reserving = reserve(budgets, 5_000);
    await clock.advance(budgetsLimits.budgetCallMs / 2);
    expect((await reserving).granted).toBe(1_000);
    await expect(budgets.check()).rejects.toThrow('does not reply');
    await server.restart();
    await isShared(budgets, control);
    // tokens that were granted alone have been reported
    expect((await reserve(budgets, 5_000)).granted).toBeLessThanOrEqual(1);
  });

  it.each([
    ['killed', (server: Backend) => server.kill(), (server: Backend) => server.restart()],
    [
      'killed and erased',
      (server: Backend) => server.kill(),
      (server: Backend) => server.restart({ erase: true }),
    ],
    ['frozen', (server: Backend) => server.pause(), (server: Backend) => server.resume()],
  ])('stay within twice the limit before, while and after Redis is %s', async (_, lose, bringBack) => {
    await using open = await openPrograms(3);
    const { server, programs } = open;
    const all = async (tokens: number): Promise<Reservation[]> => {
      const answers: Reservation[] = [];
      for (const program of programs) answers.push(await reserve(program, tokens));
      return answers;
    };
    const sum = (answers: readonly Reservation[]): number =>
      answers.reduce((total, a) => total + a.granted, 0);
    const before = sum(await all(100));
    expect(before).toBe(300);

    await lose(server);
    const asked = open.reserveCalls();
    expect(Math.min(...asked)).toBeGreaterThan(0);
    let during = 0;
    for (let i = 0; i < 20; i += 1) during += sum(await all(5));
    // never refused outright, and at most the first call of each program waits for Redis
    expect(during).toBe(300);
    for (const [i, calls] of open.reserveCalls().entries())
      expect(calls - (asked[i] ?? 0)).toBeLessThanOrEqual(1);
    during += sum(await all(1_000));
    expect(sum(await all(1_000))).toBeLessThanOrEqual(3);
    await expect(open.program(0).check()).rejects.toThrow();

    await bringBack(server);
    for (const program of programs) await isShared(program, open.control);
    const after = sum(await all(1_000));
    expect(before + during + after).toBeLessThanOrEqual(budget.limit + budget.burst);
    expect(before + during).toBeGreaterThanOrEqual(budget.burst * 0.9);
  });

  it('are shared again after a freeze that cost the connection', async () => {
    await using open = await openPrograms(1);
    const { client } = open.control;
    open.server.pause();
    const asked = expect(client.ping()).rejects.toThrow('timed out');
    await expect.poll(() => client.status, { timeout: 2 * connectionLimits.redisSilentMs }).not.toBe('ready');
    await asked;
    expect((await reserve(open.program(0), 1)).granted).toBe(1);
    open.server.resume();
    await isShared(open.program(0), open.control);
  });

  it('do not start full when Redis has forgotten them', async () => {
    await using open = await openPrograms(1);
    const budgets = open.program(0);
    expect((await reserve(budgets, 900)).granted).toBe(900);
    await open.control.client.flushall();
    expect((await reserve(budgets, 1_000)).granted).toBeLessThanOrEqual(110);
  });

  it('count the living processes and divide by their number', async () => {
    await using open = await openPrograms(3);
    const [first, second] = [open.program(0), open.program(1)];
    await open.program(2)[Symbol.asyncDispose]();
    for (const program of [first, second])
      await expect.poll(() => program.processes, { timeout: 5_000 }).toBe(2);
    await open.server.kill();
    expect((await reserve(first, 1_000)).granted).toBe(500);
    expect((await reserve(second, 1_000)).granted).toBe(500);
  });
});

describe('an address', () => {
  it.each(['', 'localhost:6379', 'http://redis.example'])('%j is refused', (url) => {
    expect(() => openRedis(url)).toThrow('not an address');
  });
});

interface Programs extends AsyncDisposable {
  readonly server: Backend;
  readonly programs: readonly RedisBudgets[];
  program(index: number): RedisBudgets;
  /** For each program: how often it has called Redis to reserve. */
  reserveCalls(): number[];
  /** The connection of the test itself. */
  readonly control: RedisConnection;
}

/**
 * Opens several programs, each with a connection of its own, and waits until Redis and each program
 * know them all.
 */
async function openPrograms(count: number): Promise<Programs> {
  const server = await startRedis();
  const control = openRedis(server.url);
  const opened: AsyncDisposable[] = [server, control];
  const programs: RedisBudgets[] = [];
  const scripts: MockInstance<RedisConnection['client']['evalsha']>[] = [];
  for (let i = 0; i < count; i += 1) {
    const redis = openRedis(server.url);
    scripts.push(vi.spyOn(redis.client, 'evalsha'));
    const program = new RedisBudgets(redis, { clock: systemClock });
    programs.push(program);
    opened.push(redis, program);
  }
  await vi.waitFor(
    () => expect(programs.map((program) => program.processes)).toEqual(programs.map(() => count)),
    5_000,
  );
  for (const program of programs) await isShared(program, control);
  return {
    server,
    programs,
    program(index) {
      const program = programs[index];
      if (program === undefined) throw new Error(`no program ${index}`);
      return program;
    },
    reserveCalls: () =>
      scripts.map(
        ({ mock }) => mock.calls.filter(([, , key]) => !String(key).includes(':processes:')).length,
      ),
    control,
    [Symbol.asyncDispose]: async () => {
      for (const one of opened.reverse()) await one[Symbol.asyncDispose]();
    },
  };
}

async function reserve(budgets: Budgets, tokens: number, from = budget): Promise<Reservation> {
  const [reservation] = await budgets.reserve([{ budget: from, tokens }]);
  if (reservation === undefined) throw new Error('no answer');
  return reservation;
}

let probes = 0;

/** Waits until Redis sees the reservations of a program. */
async function isShared(program: RedisBudgets, control: RedisConnection): Promise<void> {
  const probe = { ...budget, name: `probe/${probes++}` };
  await vi.waitFor(
    async () => {
      await reserve(program, 1, probe);
      expect(await control.client.exists(`{packetboat}:${probe.windowMs}:${probe.name}`)).toBe(1);
    },
    { timeout: 10_000 },
  );
}

async function scriptCalls(control: RedisConnection): Promise<number> {
  const text = await control.client.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

async function forget(url: string, prefix: string): Promise<void> {
  await using redis = openRedis(url);
  await redis.check();
  const keys = await redis.client.keys(`{${prefix}}*`);
  if (keys.length > 0) await redis.client.del(...keys);
}
