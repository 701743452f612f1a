import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeAccount } from './account.ts';

test('an account gets a line of JSON for each entry, and there is none unless a file is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'packetboat-account-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'kept/account.jsonl');
  writeAccount({ case: 'not written' }, '');
  expect(existsSync(file)).toBe(false);
  writeAccount({ case: 'first', broken: [] }, file);
  writeAccount({ case: 'second', broken: ['P1: lost'] }, file);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { at: expect.any(String), case: 'first', broken: [] },
    { at: expect.any(String), case: 'second', broken: ['P1: lost'] },
  ]);
});
