import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { isUsable } from './virtual-environment.ts';

let folder: string;
let environment: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-venv-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  environment = join(folder, 'venv');
  await mkdir(join(environment, 'bin'), { recursive: true });
  await symlink(process.execPath, join(environment, 'bin/python'));
  await writeFile(join(environment, 'bin/pip'), `#!${environment}/bin/python3\nimport sys\n`);
});

test('an environment is usable where it was made', async () => {
  expect(await isUsable(environment)).toBe(true);
  // as pip writes it where the path is long or has blanks
  const long = `#!/bin/sh\n'''exec' "${environment}/bin/python3" "$0" "$@"\n' '''\nimport sys\n`;
  await writeFile(join(environment, 'bin/pip'), long);
  expect(await isUsable(environment)).toBe(true);
});

test('an environment that was moved or copied is not usable', async () => {
  await cp(environment, join(folder, 'copied'), { recursive: true });
  expect(await isUsable(join(folder, 'copied'))).toBe(false);
  await rename(environment, join(folder, 'moved'));
  expect(await isUsable(join(folder, 'moved'))).toBe(false);
});

test('an environment whose interpreter is gone, or that is not there, is not usable', async () => {
  await rm(join(environment, 'bin/python'));
  await symlink(join(folder, 'nowhere'), join(environment, 'bin/python'));
  expect(await isUsable(environment)).toBe(false);
  expect(await isUsable(join(folder, 'nowhere'))).toBe(false);
});
