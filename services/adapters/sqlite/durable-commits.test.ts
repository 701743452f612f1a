// A commit is on the disk when its job resolves (P1): as SQLite reports its settings, and as the
// kernel sees the calls of a process.

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith } from '../../../test/support/describe-with.ts';
import { requireFile } from '../../../test/support/need.ts';
import { openTemporary } from './database.fixture.ts';
import { command, query } from './statement.ts';

const FULL = 2;
const COMMITS = 50;

it('the connection that writes has a write-ahead log that is synced at each commit', async () => {
  await using temporary = await openTemporary();
  const insert = command('INSERT INTO api_key (id, tenant, created_at, document) VALUES (?, ?, ?, ?)');
  const [, synchronous, journal] = await temporary
    .database()
    .run([[insert, 'a', 'default', 1, '{}'], [query('PRAGMA synchronous')], [query('PRAGMA journal_mode')]]);
  expect(synchronous).toEqual([[FULL]]);
  expect(journal).toEqual([['wal']]);
});

describeWith(['strace'], 'the kernel', () => {
  it('syncs the log at least once for each job that was awaited', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'packetboat-strace-'));
    try {
      const log = join(folder, 'strace');
      const module = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
      const program = `
        import { openDatabase } from ${module('database.ts')};
        import { command } from ${module('statement.ts')};
        const insert = command('INSERT INTO api_key (id, tenant, created_at, document) VALUES (?, ?, ?, ?)');
        await using database = await openDatabase(${JSON.stringify(folder)});
        process.stderr.write('begin\\n');
        for (let i = 0; i < ${COMMITS}; i++) await database.run([[insert, 'k' + i, 'default', 1, '{}']]);
        process.stderr.write('end\\n');`;
      const traced = ['-f', '-y', '-e', 'trace=fdatasync,fsync,write', '-o', log];
      execFileSync(
        requireFile('strace'),
        [...traced, process.execPath, '--input-type=module', '-e', program],
        { stdio: 'ignore' },
      );
      const lines = (await readFile(log, 'utf8')).split('\n');
      const at = (text: string): number => lines.findIndex((line) => line.includes(`"${text}\\n"`));
      const syncs = lines.slice(at('begin'), at('end')).filter((line) => /sync\(\d+<[^>]*-wal>/.test(line));
      expect(syncs.length).toBeGreaterThanOrEqual(COMMITS);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
