import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');

/** Runs vitest on the given files in a folder of their own. */
async function run(files: Record<string, string>): Promise<{ code: number; lines: string[] }> {
  const root = await mkdtemp(join(tmpdir(), 'packetboat-totals-'));
  onTestFinished(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'tests'));
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'));
  for (const [name, body] of Object.entries(files)) {
    await writeFile(join(root, 'tests', name), `import { describe, expect, it } from 'vitest';\n${body}\n`);
  }
  const reporter = `--reporter=${join(import.meta.dirname, 'totals.ts')}`;
  const vitest = spawn(join(repository, 'node_modules/.bin/vitest'), ['run', '--root', root, reporter], {
    env: { ...process.env, NO_COLOR: '1', VITEST: undefined },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [printed, [code]] = await Promise.all([text(vitest.stdout), once(vitest, 'exit')]);
  return { code, lines: printed.trimEnd().split('\n') };
}

it('ends with the totals of a green run and names what was skipped', async () => {
  const { code, lines } = await run({
    'a.test.ts': `it('works', () => {}); describe.skip('needs a submarine', () => { it('dives', () => {}); });`,
    'b.test.ts': `it('works too', () => {});`,
  });
  expect(code).toBe(0);
  expect(lines.at(-1)).toBe('2 passed, 0 failed');
  expect(lines).toContain('Skipped: tests/a.test.ts: needs a submarine');
});

it('counts failed tests, files that do not load and errors outside any test', async () => {
  const { code, lines } = await run({
    'green.test.ts': `it('works', () => {});`,
    'red.test.ts': `it('does not', () => { expect(1).toBe(2); }); it('throws', () => { throw new Error('no'); });`,
    'broken.test.ts': `import './nowhere.ts';`,
    'stray.test.ts': `it('leaves a promise behind', () => { void Promise.reject(new Error('stray')); });`,
  });
  expect(code).toBe(1);
  expect(lines.at(-1)).toBe('2 passed, 4 failed');
  expect(lines.filter((line) => line.startsWith('Failed')).toSorted()).toEqual([
    'Failed outside any test: stray',
    'Failed: tests/broken.test.ts: the file itself',
    'Failed: tests/red.test.ts: does not',
    'Failed: tests/red.test.ts: throws',
  ]);
});

it('names the tests of a process that went away', async () => {
  const { code, lines } = await run({
    'gone.test.ts': `it('stays', () => {}); it('kills', async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}); });`,
  });
  expect(code).toBe(1);
  expect(lines.filter((line) => line.startsWith('Failed:'))).toContain(
    'Failed: tests/gone.test.ts: kills (did not end)',
  );
  expect(lines.at(-1)).toMatch(/^\d passed, [1-9]\d* failed$/);
});
