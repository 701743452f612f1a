import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryFailureCounts } from '../adapters/memory/failure-counts.ts';
import { MemoryKeyStore } from '../adapters/memory/key-store.ts';
import { KEY_RANDOM_BYTES, makeKey } from '../core/access/api-key.ts';
import { Failure } from '../core/failure.ts';
import { accessLimits } from '../core/limits/access.ts';
import type { ApiKey } from '../ports/key-store.ts';
import { authenticateCaller } from './authenticate.ts';
import { FailedAuthentications } from './failed-authentications.ts';
import { KeyCache } from './key-cache.ts';

const MAX = accessLimits.failedAuthenticationsMax;
let made = 0;
/** Another one each time. */
const newKey = () => {
  made += 1;
  return makeKey('live', createHash('sha512').update(String(made)).digest().subarray(0, KEY_RANDOM_BYTES));
};

/** A key store that counts how often it is asked. */
class CountingKeyStore extends MemoryKeyStore {
  finds = 0;
  override async find(id: string): Promise<ApiKey | null> {
    this.finds += 1;
    return super.find(id);
  }
}

let clock: ManualClock;
let keys: CountingKeyStore;
let keyCache: KeyCache;
let failures: string[];
/** Calls to the shared counts. */
let asked: number;
let failedAuthentications: FailedAuthentications;
const good = newKey();

async function store({ key }: ReturnType<typeof makeKey>, more: Partial<ApiKey> = {}): Promise<void> {
  const rights = { scopes: [], environment: 'live', senders: [], requestsPerMinute: 10 } as const;
  await keys.add({
    ...key,
    ...rights,
    tenant: 'shop',
    name: 'a',
    expiresAt: null,
    revokedAt: null,
    createdAt: 0,
    createdBy: null,
    ...more,
  });
}

beforeEach(async () => {
  clock = new ManualClock();
  keys = new CountingKeyStore();
  keyCache = new KeyCache(keys, clock);
  failures = [];
  asked = 0;
  const counts = new MemoryFailureCounts(clock);
  failedAuthentications = new FailedAuthentications({
    counts: {
      add: (names) => {
        asked += 1;
        return counts.add(names);
      },
    },
    clock,
    hashKey: { id: 'c1', secret: Buffer.alloc(32, 7) },
    metrics: {
      failedAuthentication: (reason, isLimited) =>
        void failures.push(isLimited ? `${reason}, limited` : reason),
    },
  });
  await store(good);
});

/** Null for a good key. */
async function refused(credential: string, address = '192.0.2.7'): Promise<Failure | null> {
  try {
    await authenticateCaller({ keyCache, failedAuthentications }, { credential, address });
    return null;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

const kindOf = async (credential: string, address?: string): Promise<string> =>
  (await refused(credential, address))?.kind ?? 'good';

describe('after fifty failures in a minute', () => {
  test('further failing requests of the address are told to wait, and a good key passes', async () => {
    for (let i = 0; i < MAX; i++) expect(await kindOf(newKey().text)).toBe('unauthenticated');
    await clock.advance(20_000);
    for (let i = 0; i < 3; i++) {
      expect(await refused(newKey().text)).toMatchObject({
        kind: 'rate_limited',
        retryAfterMs: accessLimits.failureWindowMs - 20_000,
      });
      expect(await kindOf(good.text)).toBe('good');
    }
    expect(await kindOf(newKey().text, '192.0.2.8')).toBe('unauthenticated');
    await clock.advance(accessLimits.failureWindowMs - 20_000);
    expect(await kindOf(newKey().text)).toBe('unauthenticated');
  });

  test('further requests with this key id are told to wait from everywhere, but for those with its secret', async () => {
    const { id } = good.key;
    // the secret ends before the checksum, which has to fit
    const guesses = Array.from({ length: MAX + 1 }, () => guessOf(id));
    for (const [i, guess] of guesses.entries()) {
      expect(await kindOf(guess, `198.51.100.${i}`)).toBe(i < MAX ? 'unauthenticated' : 'rate_limited');
    }
    expect(await kindOf(good.text, '198.51.100.1')).toBe('good');
  });

  test('what has not the form of a key is refused as ever, and counts for nothing', async () => {
    for (let i = 0; i < 2 * MAX; i++)
      expect(await kindOf(i % 2 === 0 ? '' : 'sk_live_short')).toBe('unauthenticated');
    expect(await kindOf(newKey().text)).toBe('unauthenticated');
    expect(asked).toBe(1);
  });

  test('names over the limit need no call to the shared counts', async () => {
    for (let i = 0; i < MAX + 50; i++) await refused(newKey().text);
    expect(asked).toBe(MAX + 1);
  });
});

test('each reason is counted, and responses do not reveal whether a key id exists', async () => {
  const [revoked, expired] = [newKey(), newKey()];
  await store(revoked, { revokedAt: 1 });
  await store(expired, { expiresAt: clock.now() });
  const [unknown, wrong] = [await refused(newKey().text), await refused(guessOf(good.key.id))];
  expect(wrong?.message).toBe(unknown?.message);
  for (const credential of ['', 'nonsense', revoked.text, expired.text]) await refused(credential);
  expect(failures).toEqual(['unknown', 'wrong_secret', 'missing', 'malformed', 'revoked', 'expired']);
});

test('a store that is away is not the caller, and not counted', async () => {
  keys.find = () => Promise.reject(new Failure('unavailable', 'the store is away'));
  for (let i = 0; i < MAX + 5; i++) expect(await kindOf(newKey().text)).toBe('unavailable');
  expect([asked, failures]).toEqual([0, []]);
});

describe('the key cache', () => {
  test('asks the store once for a wrong key that is repeated', async () => {
    const wrong = newKey().text;
    for (let i = 0; i < 100; i++) await refused(wrong);
    expect(keys.finds).toBe(1);
  });

  test('keeps a good key while more wrong ones come than it has room for', async () => {
    await refused(good.text);
    const before = keys.finds;
    for (let i = 0; i < accessLimits.keyCacheMax + 10; i++) await refused(newKey().text);
    expect(keys.finds - before).toBeGreaterThan(accessLimits.keyCacheMax);
    const after = keys.finds;
    expect(await kindOf(good.text)).toBe('good');
    expect(keys.finds).toBe(after);
  });

  test('does not keep what a change overtook', async () => {
    const found = Promise.withResolvers<void>();
    const find = keys.find.bind(keys);
    keys.find = async (id) => {
      const key = await find(id);
      await found.promise;
      return key;
    };
    const asking = kindOf(good.text);
    await keys.revoke('shop', good.key.id, clock.now());
    keyCache.forget(good.key.id);
    found.resolve();
    expect(await asking).toBe('good'); // as it was when it asked
    expect(await refused(good.text)).toMatchObject({ message: 'This API key was revoked.' });
  });
});

/** A key with this id and a secret of its own, checksum and all. */
function guessOf(id: string): string {
  made += 1;
  const body = `sk_live_${id}${made.toString(36).padStart(40, '0')}`;
  return body + checksumOf(body);
}

const checksumOf = (body: string): string => createHash('sha256').update(body).digest('hex').slice(0, 6);
