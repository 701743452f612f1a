// Against servers of the test's own, which answer as no good API server does: late, never, with
// half of it, or with what is no JSON.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock } from '../../services/adapters/memory/clock.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import { makeAuthority } from '../../test/support/certificates.ts';
import { openKubernetesClient } from './http-client.ts';
import { Reflector } from './reflector.ts';
import { type ConfigMap, configMaps, secrets } from './resource.ts';

const authority = makeAuthority();
const key = { namespace: 'default', name: 'one' };
const MARKER = 'hunter2hunter2';

/** A client of a server that answers so; `isWatch` tells a watch from a call. */
async function against(answer: (response: ServerResponse, isWatch: boolean) => void, callMs = 1_000) {
  const server = createServer(authority.issue({ names: ['127.0.0.1'] }), (request, response) =>
    answer(response, request.url?.includes('watch=true') ?? false),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-http-client-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'token'), 't');
  await writeFile(join(folder, 'ca.crt'), authority.cert);
  const { port } = server.address() as { readonly port: number };
  const access = { serviceAccount: { host: '127.0.0.1', port, folder } };
  const client = await openKubernetesClient({ access, fieldManager: 'test', callMs });
  onTestFinished(() => client[Symbol.asyncDispose]());
  return client;
}

const watchOf = (
  client: Awaited<ReturnType<typeof against>>,
  resource: typeof configMaps | typeof secrets = configMaps,
) =>
  client
    .watch<ConfigMap>(resource as typeof configMaps, {
      namespace: 'default',
      resourceVersion: '1',
      timeoutSeconds: 300,
    })
    [Symbol.asyncIterator]()
    .next();

describe('the client', () => {
  test('makes calls while many watches are open', async () => {
    let watches = 0;
    const client = await against((response, isWatch) => {
      if (!isWatch) return void response.end('{}');
      watches += 1;
      response.writeHead(200).flushHeaders();
    }, 5_000);
    for (let i = 0; i < 3 * kubernetesLimits.kubernetesCallsMax; i += 1) watchOf(client).catch(() => {});
    await vi.waitFor(() => expect(watches).toBe(3 * kubernetesLimits.kubernetesCallsMax), 10_000);
    await client.get(configMaps, key);
  });

  test('cancels a call after its timeout and on its signal, even while the call waits for a connection', async () => {
    const client = await against(() => {}, 30_000);
    const waiting = Array.from({ length: kubernetesLimits.kubernetesCallsMax }, () =>
      client.get(configMaps, key).catch(() => {}),
    );
    const stop = new AbortController();
    const given = client.get(configMaps, key, { signal: stop.signal });
    stop.abort(new Error('no more'));
    await expect(given).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(client.get(configMaps, key, { signal: AbortSignal.timeout(10) })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    await client[Symbol.asyncDispose]();
    await Promise.all(waiting);
  });

  test.each([401, 500])(
    'waits no longer for the body of a refusal (%i) than for a response',
    async (code) => {
      const client = await against((response) => {
        response.writeHead(code, { 'content-length': 100 }).write('{');
      }, 200);
      await expect(watchOf(client)).rejects.toMatchObject({
        kind: code === 401 ? 'unauthenticated' : 'unavailable',
      });
    },
  );

  test.each([
    ['an answer that is no JSON', `{"data":{"password":${MARKER}}}`, 200],
    ['an event that is no JSON', `{"type":"ADDED","object":{"data":{"password":${MARKER}}}}\n`, 200],
    [
      'an event that ends the watch',
      `${JSON.stringify({ type: 'ERROR', object: { code: 500, message: MARKER } })}\n`,
      200,
    ],
    ['a refusal', JSON.stringify({ message: MARKER }), 500],
  ])('repeats no content of a Secret: %s', async (_, body, code) => {
    const client = await against((response) => void response.writeHead(code).end(body));
    const asked = [client.get(secrets, key), client.list(secrets), watchOf(client, secrets)];
    const failures = (await Promise.allSettled(asked)).flatMap((settled): unknown[] =>
      settled.status === 'rejected' ? [settled.reason] : [],
    );
    expect(failures).not.toEqual([]);
    for (const failure of failures) expect(inspect(failure, { depth: 10 })).not.toContain('hunter2');
  });

  test.each([
    ['7', 7_000],
    ['99999999999', kubernetesLimits.kubernetesRetryAfterMaxMs],
    ['-1', null],
    ['soon', null],
  ])('reads Retry-After: %s', async (text, retryAfterMs) => {
    const client = await against(
      (response) => void response.writeHead(429, { 'retry-after': text }).end('{}'),
    );
    await expect(client.get(configMaps, key)).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs });
  });
});

describe('the reflector', () => {
  const list = JSON.stringify({ items: [], metadata: { resourceVersion: '1' } });
  const event = (object: object, type = 'ERROR') => `${JSON.stringify({ type, object })}\n`;
  const bookmark = event({ metadata: { resourceVersion: '2' } }, 'BOOKMARK');

  /**
   * Answers how long it sleeps before each of its next tries, and how often the server was asked by
   * then.
   */
  async function waits(answer: (response: ServerResponse) => void, count: number) {
    let asked = 0;
    const client = await against((response, isWatch) => {
      asked += 1;
      if (isWatch) answer(response);
      else response.end(list);
    });
    const clock = new ManualClock();
    const reflector = new Reflector<ConfigMap>(
      configMaps,
      {},
      { client, clock, random: new SystemRandom(), indexers: {}, report: () => {}, onChange: () => {} },
    );
    const stop = new AbortController();
    const running = reflector.run(stop.signal);
    const slept: { readonly ms: number; readonly asked: number }[] = [];
    while (slept.length < count) {
      await vi.waitFor(() => expect(clock.nextMs).not.toBeNull(), { timeout: 10_000, interval: 2 });
      slept.push({ ms: clock.nextMs ?? 0, asked });
      await clock.advance(clock.nextMs ?? 0);
    }
    stop.abort();
    await running;
    return slept;
  }

  test.each<[string, (response: ServerResponse) => void, number]>([
    ['is refused', (response) => void response.writeHead(403).end('{}'), 2],
    ['breaks off', (response) => void response.writeHead(200).destroy(), 2],
    ['is forgotten', (response) => void response.writeHead(410).end('{}'), 4],
    ['is forgotten at once', (response) => void response.end(event({ code: 410 })), 4],
    ['ends without a word', (response) => void response.end(), 3],
  ])('backs off from a watch that %s, although lists succeed', async (_, answer, askedAtFirst) => {
    const slept = await waits(answer, 9);
    expect(slept[0]?.asked).toBe(askedAtFirst);
    for (const { ms } of slept.slice(-2))
      expect(ms).toBeGreaterThanOrEqual(kubernetesLimits.kubernetesRetryMaxMs / 2);
  });

  test('watches again soon after a watch with an event', async () => {
    let isBroken = true;
    const slept = await waits((response) => {
      isBroken = !isBroken;
      if (isBroken) response.writeHead(500).end('{}');
      else response.write(bookmark, () => response.destroy());
    }, 9);
    for (const { ms } of slept) expect(ms).toBeLessThanOrEqual(2 * kubernetesLimits.kubernetesRetryMinMs);
  });
});
