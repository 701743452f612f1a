// A program that writes to the message store of embedded mode until it is killed, noting what was
// acknowledged in the file `acknowledged`.

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../services/adapters/sqlite/database.ts';
import { openMessageStore } from '../../services/adapters/sqlite/message-store.ts';
import { systemClock } from '../../services/adapters/system/clock.ts';
import type { Change } from '../../services/core/delivery/delivery.ts';
import { sampleMessage } from '../contract/sample-message.ts';

const [, , folder = '.'] = process.argv;
const store = await openMessageStore(await openDatabase(folder), systemClock);
const note = (lines: readonly string[]): void =>
  appendFileSync(join(folder, 'acknowledged'), lines.map((line) => `${line}\n`).join(''));

async function write(): Promise<never> {
  for (;;) {
    const messages = Array.from({ length: 8 }, () => sampleMessage({ createdAt: store.now() }));
    await store.insert(messages);
    note(messages.map(({ id }) => `${id} inserted`));
    const found = (await store.find(messages.map(({ id }) => id))).filter((message) => message !== null);
    const changes = found.map(({ id, deliveries: [delivery] }): Change => {
      const set = { state: 'sending', wakeAt: store.now() } as const;
      return {
        message: id,
        delivery: 0,
        version: delivery?.version ?? '',
        set,
        event: { type: 'accepted', data: {} },
      };
    });
    await store.apply(changes);
    note(changes.map(({ message }) => `${message} changed`));
    console.log('acknowledged');
  }
}

await Promise.all([1, 2, 3, 4].map(write));
