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

/** The indented lines that follow the last line with this title. */
function errorsUnder(lines: readonly string[], title: string): string[] {
  const after = lines.slice(lines.lastIndexOf(title) + 1);
  const end = after.findIndex((line) => !line.startsWith('    '));
  return after.slice(0, end).map((line) => line.slice(4));
}

it('ends with the totals of a green run and names what was skipped', async () => {
  const { code, lines } = await run({
    'a.test.ts': `it('works', () => {}); describe.skip('needs a submarine', () => { it('dives', () => {}); });`,
    'b.test.ts': `it('works too', () => {});`,
  });
  expect(code).toBe(0);
  expect(lines.at(-1)).toBe('2 passed, 0 failed');
  expect(lines).toContain('Skipped: tests/a.test.ts: needs a submarine');
  expect(lines.filter((line) => line.startsWith('Test process:'))).toEqual([]);
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
    'Failed outside any test',
    'Failed: tests/broken.test.ts: the file itself',
    'Failed: tests/red.test.ts: does not',
    'Failed: tests/red.test.ts: throws',
  ]);
  const errorsOf = (title: string) => errorsUnder(lines, title).join('\n');
  expect(errorsOf('Failed outside any test')).toBe('stray');
  expect(errorsOf('Failed: tests/broken.test.ts: the file itself')).toContain(
    "Cannot find module './nowhere.ts'",
  );
  expect(errorsOf('Failed: tests/red.test.ts: does not')).toContain('expected 1 to be 2');
  expect(errorsOf('Failed: tests/red.test.ts: throws')).toBe('no');
});

it('ends with the error of a hook, its cause and the first and last lines of what it says', async () => {
  const { code, lines } = await run({
    'hook.test.ts': `import { beforeAll } from 'vitest';
      describe('a server', () => {
        beforeAll(() => {
          const said = Array.from({ length: 100 }, (_, i) => 'line ' + i).join('\\n');
          throw new Error('the server said:\\n' + said, { cause: new Error('ended (1) before it was ready') });
        });
        it('serves', () => {});
      });`,
  });
  expect(code).toBe(1);
  expect(errorsUnder(lines, 'Failed: tests/hook.test.ts: a server')).toEqual([
    'the server said:',
    ...Array.from({ length: 9 }, (_, i) => `line ${i}`),
    '… 72 more lines …',
    ...Array.from({ length: 19 }, (_, i) => `line ${81 + i}`),
    'Caused by: ended (1) before it was ready',
  ]);
});

it('names the tests of a process that went away, and how it ended', async () => {
  const { code, lines } = await run({
    'gone.test.ts': `it('stays', () => {}); it('kills', async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}); });
      it('waits', () => {}); it('waits too', () => {});`,
  });
  expect(code).toBe(1);
  // The first may have passed: a process that is killed takes its last results along.
  expect(lines.filter((line) => line.startsWith('Failed:'))).toEqual([
    expect.stringMatching(
      /^Failed: tests\/gone\.test\.ts: (?:stays \(did not end, nor did 3|kills \(did not end, nor did 2) tests after it\)$/,
    ),
  ]);
  expect(lines.filter((line) => line.startsWith('Test process:'))).toEqual([
    expect.stringMatching(/^Test process: pid \d+ ended with SIGKILL at /),
  ]);
  expect(lines.at(-1)).toMatch(/^\d passed, [1-9]\d* failed$/);
});
