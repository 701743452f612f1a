import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { accessLimits } from '../../services/core/limits/access.ts';
import { KnownKeys } from './known-keys.ts';
import { refusal, unauthenticated } from './refusal.ts';

/** Keys in a world whose ingest admits what does not begin with `bad`. */
function world() {
  const asked: string[] = [];
  const time = { ms: 0 };
  const admit = async ({ credential, scope, uncounted }: { credential: string; scope: string; uncounted: boolean }) => {
    expect([scope, uncounted]).toEqual(['', true]);
    asked.push(credential);
    return { refused: credential.startsWith('bad') ? unauthenticated(true) : undefined, rate: undefined };
  };
  return { keys: new KnownKeys({ admit }, () => time.ms), asked, time };
}

const caller = (credential: string) => ({ credential, clientAddress: '192.0.2.1' });

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
  ['that the key is not good', status.UNAUTHENTICATED, 2],
  ['something else', status.PERMISSION_DENIED, 1],
  ['that its budget is spent', status.RESOURCE_EXHAUSTED, 1],
])('an answer of ingest %s', async (_, code, times) => {
  const { keys, asked } = world();
  await keys.of(caller('a')).judge();
  keys.of(caller('a')).answered(refusal(code, 'x', 'x'));
  await keys.of(caller('a')).judge();
  expect(asked).toHaveLength(times);
});

test('a refused key is not known, and asked for each time', async () => {
  const { keys, asked } = world();
  expect(await keys.of(caller('bad')).judge()).toMatchObject({ code: 'unauthenticated' });
  expect(await keys.of(caller('bad')).judge()).toMatchObject({ code: 'unauthenticated' });
  expect([asked, keys.size]).toEqual([['bad', 'bad'], 0]);
});

test('requests that come at once ask once', async () => {
  const { keys, asked } = world();
  await Promise.all(Array.from({ length: 100 }, () => keys.of(caller('a')).judge()));
  await Promise.all(Array.from({ length: 100 }, () => keys.of(caller('bad')).judge()));
  expect(asked).toEqual(['a', 'bad']);
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
