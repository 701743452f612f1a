// A disk that is full or refuses writes, and a database file that somebody deletes, replaces or
// truncates: nothing is acknowledged that could not be stored, and Packetboat says so.

import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { PacketboatProgram } from '../support/installation.ts';
import { mountSmallDisk, refuseWrites } from '../support/small-disk.ts';
import type { ClientDoor } from './door.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openEmbedded, timeLimit, untilLost } from './stage.ts';

const MEGABYTES = 64;
const AWAY_MS = 2_000;
const REQUESTS = Math.min(messages, 200);
const WITHIN_5_S = { timeout: 5_000, interval: 50 };

/** Asks for mail of tomorrow, and cancels what was accepted, so that no probe is ever sent. */
async function probe(door: ClientDoor, text = 'Hello'): Promise<number> {
  const { status, body } = await door.ask('POST', '/v1/messages', {
    ...{ recipient: 'probe@example.com', sender: 'chaos', subject: 'Probe', text },
    scheduled_time: new Date(Date.now() + 24 * 3_600_000).toISOString(),
  });
  if (status === 202) await door.ask('DELETE', `/v1/messages/${String(body.message_id)}`);
  return status;
}
/** Above what stays in memory: goes through the spool of the gateway into a blob. */
const LARGE = 'A line of a large text.\r\n'.repeat(20_000);

const isReady = async ({ operationsUrl }: PacketboatProgram): Promise<boolean> =>
  (await fetch(`${operationsUrl}/readyz`)).ok;

test(
  'embedded mode on a full disk, and on one that refuses writes: 503 and not ready, and accepting resumes by itself',
  async () => {
    await using disk = await mountSmallDisk(MEGABYTES);
    await using stage = await openEmbedded({ more: { PACKETBOAT_DATA_DIR: join(disk.path, 'data') } });
    const { program, door } = stage;
    const load = new Load(door, { messages: REQUESTS, perSecond: 40 });
    const faults = [
      { at: 40, begin: () => disk.fill(), end: () => disk.free() },
      {
        at: 120,
        begin: () => refuseWrites(program.pid, true),
        end: () => refuseWrites(program.pid, false),
      },
    ];
    for (const { at, begin, end } of faults) {
      await load.begun(at);
      begin();
      await vi.waitFor(async () => expect(await probe(door)).toBe(503), WITHIN_5_S);
      await untilLost([program], ['store']);
      expect(await isReady(program)).toBe(false);
      expect(await probe(door)).toBe(503);
      expect(await probe(door, LARGE)).toBe(503);
      await sleep(AWAY_MS);
      end();
      await vi.waitFor(async () => expect(await isReady(program)).toBe(true), WITHIN_5_S);
      expect(await probe(door)).toBe(202);
      expect(await probe(door, LARGE)).toBe(202);
    }
    await load.finished;
    await allEnded(stage);
    // what was accepted survives a crash too
    await program.kill();
    await program.restart();
    const judgement = await expectKept(stage, load.told);
    figure('disk full and read-only', judgement);
  },
  timeLimit(60),
);

const database = 'packetboat.db';
// file-guard.test.ts has every fault of both files of the database
test.each<[string, (path: string) => void]>([
  ['deleted', (path) => rmSync(path)],
  ['truncated', (path) => truncateSync(path, 0)],
])(
  'embedded mode whose database file is %s accepts nothing from then on, and is not ready within 5 s',
  async (_, inflict) => {
    await using disk = await mountSmallDisk(MEGABYTES);
    await using stage = await openEmbedded({ more: { PACKETBOAT_DATA_DIR: disk.path } });
    expect(await probe(stage.door)).toBe(202);
    inflict(join(disk.path, database));
    expect([await probe(stage.door), await probe(stage.door, LARGE)]).toEqual([503, 503]);
    await untilLost([stage.program], ['store']);
    expect(await probe(stage.door)).toBe(503);
  },
);
