import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { accessLimits } from '../../services/core/limits/access.ts';
import { refusal, unauthenticated, unavailable } from '../refusals.ts';
import { KnownKeys } from './known-keys.ts';

/** Keys in a world whose ingest admits what does not begin with `bad`. */
function world() {
  const asked: string[] = [];
  const time = { ms: 0 };
  const admit = async ({
    credential,
    scope,
    uncounted,
  }: {
    credential: string;
    scope: string;
    uncounted: boolean;
  }) => {
    expect([scope, uncounted]).toEqual(['', true]);
    asked.push(credential);
    return {
      refused: credential.startsWith('bad') ? unauthenticated('malformed') : undefined,
      rate: undefined,
    };
  };
  return { keys: new KnownKeys({ admit }, () => time.ms), asked, time };
}

const caller = (credential: string) => ({ credential, clientAddress: '192.0.2.1', requestId: 'req_1' });

test('an admitted key is known for some seconds', async () => {
  const { keys, asked, time } = world();
  expect(await keys.of(caller('a')).judge()).toBeUndefined();
  time.ms = accessLimits.keyCacheMs - 1;
  expect(await keys.of(caller('a')).judge()).toBeUndefined();
  expect(asked).toEqual(['a']);
  time.ms = accessLimits.keyCacheMs;
  await keys.of(caller('a')).judge();
  expect(asked).toEqual(['a', 'a']);
});

test('each good answer makes it known anew', async () => {
  const { keys, asked, time } = world();
  await keys.of(caller('a')).judge();
  time.ms = accessLimits.keyCacheMs - 1;
  keys.of(caller('a')).answered(undefined);
  time.ms = accessLimits.keyCacheMs + 1;
  await keys.of(caller('a')).judge();
  expect(asked).toEqual(['a']);
});

test.each([
  ['that the key is bad', 'is asked for again', refusal(status.UNAUTHENTICATED, 'unauthenticated', 'x'), 2],
  [
    'that the key failed too often',
    'is asked for again',
    refusal(status.RESOURCE_EXHAUSTED, 'too_many_failed_authentications', 'x'),
    2,
  ],
  ['that the key lacks a scope', 'stays known', refusal(status.PERMISSION_DENIED, 'forbidden', 'x'), 1],
  [
    'that the budget of the key is spent',
    'stays known',
    refusal(status.RESOURCE_EXHAUSTED, 'rate_limited', 'x'),
    1,
  ],
])('after an answer %s the key %s', async (_answer, _outcome, refused, times) => {
  const { keys, asked } = world();
  await keys.of(caller('a')).judge();
  keys.of(caller('a')).answered(refused);
  await keys.of(caller('a')).judge();
  expect(asked).toHaveLength(times);
});

test('a refused key is not known, and asked for each time', async () => {
  const { keys, asked } = world();
  expect(await keys.of(caller('bad')).judge()).toMatchObject({ code: 'unauthenticated' });
  expect(await keys.of(caller('bad')).judge()).toMatchObject({ code: 'unauthenticated' });
  expect([asked, keys.size]).toEqual([['bad', 'bad'], 0]);
});

test('requests that come at once with a good key ask once', async () => {
  const { keys, asked } = world();
  await Promise.all(Array.from({ length: 100 }, () => keys.of(caller('a')).judge()));
  expect(asked).toEqual(['a']);
});

test('each request with a bad key is asked for under its own address, since ingest counts each failure', async () => {
  const addresses: string[] = [];
  const keys = new KnownKeys({
    admit: async ({ client_address }) => {
      addresses.push(client_address);
      return { refused: unauthenticated('malformed'), rate: undefined };
    },
  });
  const clients = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
  await Promise.all(clients.map((clientAddress) => keys.of({ ...caller('bad'), clientAddress }).judge()));
  expect(addresses).toEqual(clients);
});

test('requests that come at once share an answer of an ingest that is away', async () => {
  let times = 0;
  const keys = new KnownKeys({
    admit: async () => {
      times += 1;
      return { refused: unavailable('x'), rate: undefined };
    },
  });
  const refusals = await Promise.all(Array.from({ length: 100 }, () => keys.of(caller('a')).judge()));
  expect([times, refusals.every((refused) => refused?.code === 'unavailable')]).toEqual([1, true]);
});

test('a question that fails is asked again', async () => {
  let isBroken = true;
  const admit = async () => {
    if (isBroken) throw new Error('a bug');
    return { refused: undefined, rate: undefined };
  };
  const keys = new KnownKeys({ admit });
  await expect(keys.of(caller('a')).judge()).rejects.toThrow('a bug');
  isBroken = false;
  expect(await keys.of(caller('a')).judge()).toBeUndefined();
});

test('there are never more than the limit, and the oldest goes first', async () => {
  const { keys, asked } = world();
  for (let i = 0; i <= accessLimits.keyCacheMax; i++) keys.of(caller(`k${i}`)).answered(undefined);
  expect(keys.size).toBe(accessLimits.keyCacheMax);
  await keys.of(caller('k1')).judge();
  await keys.of(caller('k0')).judge();
  expect(asked).toEqual(['k0']);
});
