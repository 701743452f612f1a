import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openTemporary } from './database.fixture.ts';
import { openDatabase } from './database.ts';
import { command, query } from './statement.ts';

const insert = command('INSERT INTO api_key (id, tenant, created_at, document) VALUES (?, ?, ?, ?)');
const count = query('SELECT count(*) FROM api_key');
const key = (id: string) => [insert, id, 'default', 1, '{}'] as const;

describe('the database of embedded mode', () => {
  it('refuses a second user of its folder, in this process or another, with a sentence for people', async () => {
    await using temporary = await openTemporary();
    await expect(openDatabase(temporary.folder)).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('another process'),
    });
    const program = `
      import { openDatabase } from ${JSON.stringify(join(import.meta.dirname, 'database.ts'))};
      await openDatabase(${JSON.stringify(temporary.folder)}).then(() => console.log('opened'), (error) => console.log(error.kind));`;
    const other = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect(other.stdout.trim()).toBe('conflict');
    expect(await temporary.database().run([[count]])).toEqual([[[0]]]);
  });

  it('undoes all of a job that fails, and none of the others of its transaction', async () => {
    await using temporary = await openTemporary();
    const database = temporary.database();
    const [first, second, third] = await Promise.allSettled([
      database.run([key('a')]),
      database.run([key('b'), key('c'), key('a')]),
      database.run([key('d')]),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled', value: [1] });
    expect(second).toMatchObject({ status: 'rejected', reason: { kind: 'internal' } });
    expect(third).toMatchObject({ status: 'fulfilled', value: [1] });
    expect(await database.run([[query('SELECT id FROM api_key ORDER BY id')]])).toEqual([[['a'], ['d']]]);
  });

  it('does what it was asked before it closes, and nothing after', async () => {
    await using temporary = await openTemporary();
    const database = temporary.database();
    const asked = Promise.all(Array.from({ length: 1_000 }, (_, i) => database.run([key(`k${i}`)])));
    const reopened = await temporary.reopen();
    await asked;
    expect(await reopened.run([[count]])).toEqual([[[1_000]]]);
    await expect(database.run([[count]])).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('refuses a file that a later version wrote', async () => {
    await using temporary = await openTemporary();
    await temporary.database()[Symbol.asyncDispose]();
    const file = new DatabaseSync(join(temporary.folder, 'packetboat.db'));
    file.exec('PRAGMA user_version = 999');
    file.close();
    await expect(openDatabase(temporary.folder)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/newer(?!.*read and write)/),
    });
  });
});
