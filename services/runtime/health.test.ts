import { isDeepStrictEqual } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type DependencyName, Health, type HealthOptions, isRequired, type Readiness } from './health.ts';
import { createMetrics } from './metrics.ts';
import { serveOperations } from './operations-server.ts';
import { dependenciesOf } from './program.ts';

/** What a dependency does when it is asked. */
type Behaviour = 'up' | 'down' | 'hung';

/** Dependencies whose behaviour the test sets, and what is told of them. */
function healthOf(
  behaviours: Partial<Record<DependencyName, Behaviour>>,
  options: Partial<HealthOptions> = {},
) {
  const gauge = new Map<string, boolean>();
  const log: string[] = [];
  let asked = 0;
  const names = Object.keys(behaviours) as DependencyName[];
  const health = new Health({
    dependencies: names,
    log: {
      info: (_: unknown, what: string) => void log.push(what),
      warn: (_: unknown, what: string) => void log.push(what),
    } as HealthOptions['log'],
    metrics: { dependency: (name, isUp) => void gauge.set(name, isUp) },
    everyMs: 5,
    firstEveryMs: 5,
    timeoutMs: 20,
    ...options,
  });
  onTestFinished(() => health[Symbol.dispose]());
  const until = (wanted: Partial<Readiness>): Promise<Readiness> =>
    new Promise((resolve) =>
      health.onChange(
        (readiness) => isDeepStrictEqual({ ...readiness, ...wanted }, readiness) && resolve(readiness),
      ),
    );
  const portOf = (name: DependencyName) => ({
    check: async () => {
      asked += 1;
      if (behaviours[name] === 'hung') await new Promise(() => {});
      if (behaviours[name] === 'down') throw new Error('does not answer');
    },
  });
  const watch = (): void => health.watch(Object.fromEntries(names.map((name) => [name, portOf(name)])));
  return { health, gauge, log, until, watch, asked: () => asked };
}

describe('health', () => {
  test('a part that does not work makes a program degraded, and is logged once', async () => {
    const { health, log, until, watch } = healthOf({ store: 'up' });
    watch();
    await until({ status: 'ready' });
    health.degrade(['namespace ghost: Forbidden']);
    health.degrade(['namespace ghost: Forbidden']);
    expect(health.readiness).toMatchObject({ status: 'degraded', details: ['namespace ghost: Forbidden'] });
    expect(health.isReady).toBe(true);
    health.degrade([]);
    expect(health.readiness).toEqual({ status: 'ready', lost: [], notReached: [] });
    expect(log).toEqual(['the program is degraded', 'the program is no longer degraded']);
  });

  test('a program without a required dependency is not ready, whatever else does not work', () => {
    const { health } = healthOf({ store: 'down' });
    health.degrade(['namespace ghost: Forbidden']);
    expect(health.readiness.status).toBe('not_ready');
  });

  test('a dependency that has not been checked yet counts as not reached, required or not', () => {
    const { health, gauge } = healthOf({ store: 'up', queue: 'up' });
    expect(health.readiness).toEqual({ status: 'not_ready', lost: [], notReached: ['store', 'queue'] });
    expect(health.isReady).toBe(false);
    expect([...gauge]).toEqual([
      ['store', false],
      ['queue', false],
    ]);
  });

  test('a program becomes ready once each dependency has answered, without a log line', async () => {
    const { until, watch, gauge, log } = healthOf({ store: 'up', queue: 'up' });
    watch();
    expect(await until({ status: 'ready' })).toEqual({ status: 'ready', lost: [], notReached: [] });
    expect([...gauge.values()]).toEqual([true, true]);
    expect(log).toEqual([]);
  });

  describe.each(Object.entries(dependenciesOf))('%s', (_, dependencies) => {
    const everyBehaviour = dependencies.reduce<Partial<Record<DependencyName, Behaviour>>[]>(
      (rows, name) =>
        rows.flatMap((row) =>
          (['up', 'down', 'hung'] as const).map((behaviour) => ({ ...row, [name]: behaviour })),
        ),
      [{}],
    );

    test.each(everyBehaviour)(
      'first answers of %j decide whether it is ready, and name what was not reached',
      async (behaviours) => {
        const { health, until, watch } = healthOf(behaviours);
        watch();
        const notReached = dependencies.filter((name) => behaviours[name] !== 'up');
        const status =
          notReached.length === 0
            ? 'ready'
            : notReached.some((name) => isRequired[name])
              ? 'not_ready'
              : 'degraded';
        expect(await until({ status, notReached })).toEqual({ status, lost: [], notReached });
        expect(health.isReady).toBe(status !== 'not_ready');
      },
    );

    test.each(dependencies)(
      '%s is lost once it has answered and answers no longer, and answers again',
      async (name) => {
        const behaviours: Partial<Record<DependencyName, Behaviour>> = Object.fromEntries(
          dependencies.map((each) => [each, 'up']),
        );
        const { until, watch, gauge, log } = healthOf(behaviours);
        watch();
        await until({ status: 'ready' });
        behaviours[name] = 'down';
        const status = isRequired[name] ? 'not_ready' : 'degraded';
        expect(await until({ lost: [name] })).toEqual({ status, lost: [name], notReached: [] });
        expect(gauge.get(name)).toBe(false);
        behaviours[name] = 'up';
        await until({ status: 'ready' });
        expect(log).toEqual(['a dependency is lost', 'a dependency answers again']);
      },
    );
  });

  test('a dependency that hangs is checked once', async () => {
    const { until, asked, health, watch } = healthOf({ queue: 'hung' });
    watch();
    await until({ status: 'degraded' });
    await health.ask();
    expect(asked()).toBe(1);
  });

  test('a dependency is checked often until its first answer, and less often afterwards', async () => {
    const behaviours: Partial<Record<DependencyName, Behaviour>> = { store: 'down' };
    const { until, watch, asked, log } = healthOf(behaviours, { everyMs: 60_000 });
    watch();
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(3));
    behaviours.store = 'up';
    await until({ status: 'ready' });
    expect(log).toEqual(['a dependency has not been reached yet', 'a dependency answers']);
    const askedByThen = asked();
    // another one, which is asked as often as this one was, is the clock
    const other = healthOf({ store: 'down' }, { everyMs: 60_000 });
    other.watch();
    await vi.waitFor(() => expect(other.asked()).toBeGreaterThan(3));
    expect(asked()).toBe(askedByThen);
  });

  test('a program that shuts down is not ready and checks no dependency', async () => {
    const behaviours: Partial<Record<DependencyName, Behaviour>> = { store: 'up' };
    const { health, until, watch, log, gauge } = healthOf(behaviours);
    watch();
    await until({ status: 'ready' });
    health.stopping();
    expect(health.readiness).toEqual({ status: 'stopping', lost: [], notReached: [] });
    expect(health.isReady).toBe(false);
    behaviours.store = 'down';
    await health.ask();
    expect([log, gauge.get('store')]).toEqual([[], true]);
  });
});

describe('the operations server', () => {
  const contentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
  const metrics = { exposition: async (accept = '') => ({ contentType, text: `${accept} 1\n# EOF\n` }) };
  const anywhere = { host: '127.0.0.1', port: 0 };

  test('serves metrics, health and readiness, and nothing else', async () => {
    const states: Partial<Record<DependencyName, Behaviour>> = { store: 'up' };
    const { health, until, watch } = healthOf(states);
    await using server = await serveOperations(anywhere, { health, metrics });
    const ask = async (path: string, method = 'GET') => {
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
      return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
    };
    expect(await ask('/metrics')).toEqual({ status: 200, type: contentType, text: '*/* 1\n# EOF\n' });
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}\n' });
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: '{"status":"not_ready","lost":[],"not_reached":["store"]}\n',
    });
    watch();
    await until({ status: 'ready' });
    expect(await ask('/readyz?verbose')).toMatchObject({
      status: 200,
      text: '{"status":"ready","lost":[],"not_reached":[]}\n',
    });
    expect(await ask('/else')).toMatchObject({ status: 404 });
    expect(await ask('/metrics', 'POST')).toMatchObject({ status: 405 });
    states.store = 'down';
    await until({ status: 'not_ready' });
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: '{"status":"not_ready","lost":["store"],"not_reached":[]}\n',
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  });

  test('serves metrics in the requested format', async () => {
    const { health } = healthOf({});
    await using server = await serveOperations(anywhere, {
      health,
      metrics: createMetrics({ program: 'test', version: '1' }),
    });
    const ask = async (accept: string) => {
      const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers: { accept } });
      expect(answer.headers.get('vary')).toBe('Accept');
      return [answer.headers.get('content-type'), (await answer.text()).endsWith('# EOF\n')];
    };
    expect(await ask('text/plain;version=0.0.4')).toEqual([
      'text/plain; version=0.0.4; charset=utf-8',
      false,
    ]);
    expect(await ask('*/*')).toEqual([contentType, true]);
  });

  test('names the setting to change if its address is in use', async () => {
    const { health } = healthOf({});
    await using first = await serveOperations(anywhere, { health, metrics });
    await expect(
      serveOperations({ host: '127.0.0.1', port: first.port }, { health, metrics }),
    ).rejects.toThrow(
      `The program cannot listen on 127.0.0.1:${first.port}: another process uses the address. Set PACKETBOAT_METRICS_ADDR to another address.`,
    );
  });
});
