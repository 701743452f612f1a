import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newKey } from '../../test/support/installation.ts';
import { MemoryKeyStore } from '../adapters/memory/key-store.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import { readKey } from '../core/access/api-key.ts';
import { faultOfKey } from '../core/access/key-life.ts';
import { type FirstKeyParts, firstKey } from './first-key.ts';

const NOW = 1_000;
let dataDir: string;
let keys: MemoryKeyStore;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'packetboat-first-key-'));
  keys = new MemoryKeyStore();
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const begin = (more: Partial<FirstKeyParts> = {}) =>
  firstKey({
    keys,
    random: new SystemRandom(),
    now: NOW,
    dataDir,
    chosen: null,
    tenant: 'default',
    requestsPerMinute: 5_000,
    ...more,
  });

async function revoke(text: string): Promise<void> {
  await keys.revoke('default', readKey(text)?.id ?? '', 1);
}

async function isGood(text: string): Promise<boolean> {
  const found = await keys.find(readKey(text)?.id ?? '');
  return found !== null && faultOfKey(found, NOW) === null;
}

/** A key that a start printed. */
async function printed(more: Partial<FirstKeyParts> = {}): Promise<string> {
  const { key } = await begin(more);
  expect(key).not.toBeNull();
  expect(await isGood(key ?? '')).toBe(true);
  return key ?? '';
}

describe('the key that a start prints', () => {
  it('is made at the first start and printed at each', async () => {
    const key = await printed();
    expect(await printed()).toBe(key);
    expect((await readFile(join(dataDir, 'key'), 'utf8')).trim()).toBe(key);
    expect((await stat(join(dataDir, 'key'))).mode & 0o777).toBe(0o600);
  });

  it('is new if the old key was revoked and no other key can make keys', async () => {
    const old = await printed();
    await revoke(old);
    const next = await printed();
    expect(next).not.toBe(old);
    expect(await isGood(old)).toBe(false);
    expect(await printed()).toBe(next);
    expect(await readdir(dataDir)).toEqual(['key']);
  });

  it('is absent, with a reason, while other keys can make keys', async () => {
    const old = await printed();
    const root = await keys.find(readKey(old)?.id ?? '');
    if (root !== null) await keys.add({ ...root, id: 'another' });
    await revoke(old);
    expect(await begin()).toEqual({ key: null, reason: expect.stringContaining('POST /v1/keys') });
    expect((await readFile(join(dataDir, 'key'), 'utf8')).trim()).toBe(old);
  });

  it.each([{ environment: 'draft' }, { environment: 'testing' }, { senders: ['billing'] }] as const)(
    'is new if only keys with %j can make others',
    async (restriction) => {
      const old = await printed();
      const root = await keys.find(readKey(old)?.id ?? '');
      if (root !== null) await keys.add({ ...root, ...restriction, id: 'another' });
      await revoke(old);
      expect(await printed()).not.toBe(old);
    },
  );

  it('is the saved key if the earlier process ended before it stored the key', async () => {
    const key = await printed();
    keys = new MemoryKeyStore();
    expect(await printed()).toBe(key);
  });

  it('differs between tenants', async () => {
    const [ours, theirs] = [await printed(), await printed({ tenant: 'other' })];
    expect(theirs).not.toBe(ours);
    expect([await printed(), await printed({ tenant: 'other' })]).toEqual([ours, theirs]);
  });

  it('is the chosen key, unless that key does not work', async () => {
    const [chosen, another] = [newKey(), newKey()];
    expect(await printed({ chosen })).toBe(chosen);
    expect(await begin({ chosen: another })).toEqual({
      key: null,
      reason: expect.stringContaining('already has other keys'),
    });
    await revoke(chosen);
    expect(await begin({ chosen })).toEqual({ key: null, reason: expect.stringContaining('was revoked') });
    expect(await printed({ chosen: another })).toBe(another);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('is not read from a file without a key; the error names the file', async () => {
    await writeFile(join(dataDir, 'key'), 'c4nary');
    const begun = begin();
    await expect(begun).rejects.toThrow(join(dataDir, 'key'));
    await expect(begun).rejects.not.toThrow('c4nary');
  });
});
