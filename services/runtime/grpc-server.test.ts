import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { readDescriptors } from './grpc-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('what reflection tells is what buf makes of proto/packetboat (make proto)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'packetboat-descriptors-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fresh = join(folder, 'descriptors.binpb');
  const args = ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', fresh];
  execFileSync(join(root, 'node_modules/.bin/buf'), args, { cwd: root, stdio: 'pipe' });
  expect(readFileSync(fresh).equals(await readDescriptors())).toBe(true);
});
