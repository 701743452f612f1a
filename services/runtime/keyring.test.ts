import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { SystemRandom } from '../adapters/system/random.ts';
import { readKeyring, readOrMakeKeyring } from './keyring.ts';

const systemRandom = new SystemRandom();
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-keyring-'));
  file = join(folder, 'keyring.json');
  onTestFinished(() => rm(folder, { recursive: true }));
});

it('generates a keyring that only its owner can read, and does not change it later', async () => {
  const made = await readOrMakeKeyring(file, systemRandom);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readOrMakeKeyring(file, systemRandom)).toEqual(made);
  expect(await readKeyring(file)).toEqual(made);
  expect(await readdir(folder)).toEqual(['keyring.json']);
});

it('generates one keyring if several programs start at once', async () => {
  const made = await Promise.all(Array.from({ length: 10 }, () => readOrMakeKeyring(file, systemRandom)));
  for (const keyring of made) expect(keyring).toEqual(made[0]);
  expect(await readdir(folder)).toEqual(['keyring.json']);
});

it('never replaces an invalid keyring', async () => {
  await writeFile(file, 'catalog: 5');
  await expect(readOrMakeKeyring(file, systemRandom)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(file),
  });
  expect(await readFile(file, 'utf8')).toBe('catalog: 5');
});

it('reports a missing file, and a folder without keys', async () => {
  await expect(readKeyring(file)).rejects.toMatchObject({ kind: 'invalid', message: `${file}: ENOENT` });
  await expect(readKeyring(folder)).rejects.toMatchObject({
    kind: 'invalid',
    message: `${folder}: the folder has none of the files catalog, suppression, cursor, return`,
  });
});

it('reads a folder with a file for each purpose, and ignores other files', async () => {
  const secret = Buffer.alloc(32, 7).toString('base64');
  await writeFile(join(folder, 'catalog'), `[{id: k2, secret: ${secret}}, {id: k1, secret: ${secret}}]`);
  await writeFile(join(folder, 'cursor'), `- id: c1\n  secret: ${secret}\n`);
  await writeFile(join(folder, '..data'), 'not ours');
  const { catalog, cursor, suppression } = await readKeyring(folder);
  expect(catalog?.map(({ id }) => id)).toEqual(['k2', 'k1']);
  expect(cursor?.map(({ id }) => id)).toEqual(['c1']);
  expect(suppression).toBeUndefined();
  await writeFile(join(folder, 'cursor'), 'hunter2');
  await expect(readKeyring(folder)).rejects.toMatchObject({
    message: `${folder}: the keyring cannot be used: cursor must be a list of keys`,
  });
});
