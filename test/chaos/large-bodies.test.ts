// Twenty of the largest requests at once: parsing costs memory, so a program parses two of them at
// a time, and its memory stays within what a container is given.

import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { doorLimits } from '../../services/core/limits/door.ts';
import { MIB } from '../../services/core/limits/units.ts';
import { openEmbedded, timeLimit } from './stage.ts';

const REQUESTS = 20;
const MEMORY_MAX_BYTES = 512 * MIB;
const LOOK_EVERY_MS = 5;

test.runIf(process.platform === 'linux')(
  'twenty requests of 50 MiB at once start at most two parsers, and need at most 512 MiB of memory',
  async () => {
    await using stage = await openEmbedded({ more: await allocatorOfImage() });
    const { pid = 0 } = stage.program;
    const before = await threadsOf(pid);
    let most = 0;
    let isOver = false;
    const looking = (async () => {
      while (!isOver) {
        most = Math.max(most, await threadsOf(pid));
        await sleep(LOOK_EVERY_MS);
      }
    })();
    const bytes = largest();
    const statuses = await Promise.all(
      Array.from({ length: REQUESTS }, async () => {
        const response = await fetch(`${stage.installation.url}/v1/messages`, {
          method: 'POST',
          headers: { authorization: `Bearer ${stage.installation.key}` },
          body: bytes,
        });
        await response.arrayBuffer();
        return response.status;
      }),
    );
    isOver = true;
    await looking;
    process.stdout.write(`chaos: large bodies: peak ${Math.round((await memoryPeakOf(pid)) / MIB)} MiB\n`);
    expect(statuses).toEqual(Array.from({ length: REQUESTS }, () => 202));
    expect(most - before).toBeGreaterThan(0);
    expect(most - before).toBeLessThanOrEqual(doorLimits.parsersMax);
    expect(await memoryPeakOf(pid)).toBeLessThanOrEqual(MEMORY_MAX_BYTES);
  },
  timeLimit(60),
);

/** A request of exactly the maximum, most of it an attachment. */
function largest(): Buffer<ArrayBuffer> {
  const message = (content: string): string =>
    JSON.stringify({
      to: ['large@inbox.example'],
      subject: 'A large file',
      text: 'The file is attached.',
      headers: { 'X-Marker': 'large' },
      attachments: [{ filename: 'file.bin', content }],
    });
  const room = doorLimits.bodyBytesMax - message('').length;
  return Buffer.from(message('A'.repeat(room - (room % 4))));
}

const threadsOf = async (pid: number): Promise<number> => (await readdir(`/proc/${pid}/task`)).length;

/** What the container image sets for the allocator of memory, which the figure depends on. */
async function allocatorOfImage(): Promise<Readonly<Record<string, string>>> {
  const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
  return Object.fromEntries(
    [...dockerfile.matchAll(/\b(MALLOC_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
  );
}

/** Bytes. */
async function memoryPeakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
