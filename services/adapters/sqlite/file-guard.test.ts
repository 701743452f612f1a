import { copyFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openTemporary } from './database.fixture.ts';
import { command } from './statement.ts';

const insert = command('INSERT INTO api_key (id, tenant, created_at, document) VALUES (?, ?, ?, ?)');
const key = (id: string) => [insert, id, 'default', 1, '{}'] as const;

const faults: readonly (readonly [string, string, (path: string) => Promise<unknown>])[] = [
  ['packetboat.db', 'deleted', (path) => rm(path)],
  [
    'packetboat.db',
    'replaced',
    (path) => copyFile(path, `${path}.copy`).then(() => rename(`${path}.copy`, path)),
  ],
  ['packetboat.db', 'truncated', (path) => truncate(path, 0)],
  ['packetboat.db-wal', 'deleted', (path) => rm(path)],
  [
    'packetboat.db-wal',
    'replaced',
    (path) => copyFile(path, `${path}.copy`).then(() => rename(`${path}.copy`, path)),
  ],
  ['packetboat.db-wal', 'truncated', (path) => truncate(path, 0)],
];

it.each(faults)(
  '%s %s: no job succeeds any more, although SQLite could write',
  async (file, fault, inflict) => {
    await using temporary = await openTemporary();
    const database = temporary.database();
    await database.run([key('a')]);
    await inflict(join(temporary.folder, file));
    for (const id of ['b', 'c'])
      await expect(database.run([key(id)])).rejects.toMatchObject({
        kind: 'unavailable',
        message: expect.stringContaining(`was ${fault} while Packetboat was running`),
      });
  },
);

it('checkpoints, and a log that grows and starts again, are no faults', async () => {
  await using temporary = await openTemporary();
  const database = temporary.database();
  const document = 'x'.repeat(100_000);
  // 60 MB: several checkpoints
  for (let i = 0; i < 600; i++) await database.run([[insert, `k${i}`, 'default', 1, document]]);
  await database.run([key('last')]);
});
