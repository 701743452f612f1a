import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Health, type HealthOptions, type Readiness } from './health.ts';
import { serveOperations } from './operations-server.ts';

const quiet = pino({ level: 'silent' });

/** Dependencies whose state the test sets, and what is told of them. */
function healthOf(states: Record<string, 'up' | 'down' | 'hung'>, options: Partial<HealthOptions> = {}) {
  const gauge = new Map<string, boolean>();
  let asked = 0;
  const health = new Health({
    dependencies: Object.keys(states).map((name) => ({
      name,
      isRequired: name === 'store',
      check: async () => {
        asked += 1;
        if (states[name] === 'hung') await new Promise(() => {});
        if (states[name] === 'down') throw new Error('lost');
      },
    })),
    log: quiet,
    metrics: { dependency: (name, isUp) => void gauge.set(name, isUp) },
    everyMs: 5,
    timeoutMs: 20,
    ...options,
  });
  onTestFinished(() => health[Symbol.dispose]());
  const until = (wanted: Readiness['status']): Promise<Readiness> =>
    new Promise((resolve) => health.onChange((readiness) => readiness.status === wanted && resolve(readiness)));
  return { health, gauge, until, asked: () => asked };
}

describe('health', () => {
  test('is ready while all dependencies answer', () => {
    const { health, gauge } = healthOf({ store: 'up', queue: 'up' });
    expect(health.readiness).toEqual({ status: 'ready', lost: [] });
    expect([...gauge]).toEqual([
      ['store', true],
      ['queue', true],
    ]);
  });

  test('names a lost dependency, and goes on without one that it can do without', async () => {
    const states = { store: 'up', queue: 'down' } as const;
    const { health, gauge, until } = healthOf({ ...states });
    expect(await until('degraded')).toEqual({ status: 'degraded', lost: ['queue'] });
    expect(health.isReady).toBe(true);
    expect(gauge.get('queue')).toBe(false);
  });

  test('is not ready without its store, and ready again once that is back', async () => {
    const states: Record<string, 'up' | 'down'> = { store: 'down' };
    const { health, until } = healthOf(states);
    expect(await until('not_ready')).toEqual({ status: 'not_ready', lost: ['store'] });
    expect(health.isReady).toBe(false);
    states.store = 'up';
    expect(await until('ready')).toEqual({ status: 'ready', lost: [] });
  });

  test('takes a dependency that hangs for a lost one, and asks it once', async () => {
    const { until, asked, health } = healthOf({ store: 'hung' });
    await until('not_ready');
    await health.ask();
    expect(asked()).toBe(1);
  });

  test('is not ready from the first step of a shutdown on', () => {
    const { health } = healthOf({ store: 'up' });
    health.stopping();
    expect(health.readiness).toEqual({ status: 'stopping', lost: [] });
    expect(health.isReady).toBe(false);
  });
});

describe('the operations server', () => {
  const metrics = { text: async () => 'a 1\n# EOF\n', contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8' };
  const anywhere = { host: '127.0.0.1', port: 0 };

  test('answers metrics, health and readiness, and nothing else', async () => {
    const states: Record<string, 'up' | 'down'> = { store: 'up' };
    const { health, until } = healthOf(states);
    await using server = await serveOperations(anywhere, { health, metrics });
    const ask = async (path: string, method = 'GET') => {
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
      return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
    };
    expect(await ask('/metrics')).toEqual({ status: 200, type: metrics.contentType, text: 'a 1\n# EOF\n' });
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}\n' });
    expect(await ask('/readyz?verbose')).toMatchObject({ status: 200, text: '{"status":"ready","lost":[]}\n' });
    expect(await ask('/else')).toMatchObject({ status: 404 });
    expect(await ask('/metrics', 'POST')).toMatchObject({ status: 405 });
    states.store = 'down';
    await until('not_ready');
    expect(await ask('/readyz')).toMatchObject({ status: 503, text: '{"status":"not_ready","lost":["store"]}\n' });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  });

  test('says which setting to change when its address is taken', async () => {
    const { health } = healthOf({});
    await using first = await serveOperations(anywhere, { health, metrics });
    await expect(serveOperations({ host: '127.0.0.1', port: first.port }, { health, metrics })).rejects.toThrow(
      `127.0.0.1:${first.port} cannot be used: another process listens there. Set PACKETBOAT_METRICS_ADDR to another address.`,
    );
  });
});
