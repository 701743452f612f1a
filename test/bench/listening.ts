// Servers of others say in a hundred ways that they are up; that a connection is taken is the same
// for all.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';

const POLL_MS = 20;
const WAIT_MS = 20_000;

/** Resolves once this port of 127.0.0.1 takes connections. */
export async function listening(port: number): Promise<void> {
  for (const giveUpAt = performance.now() + WAIT_MS; ; await setTimeout(POLL_MS)) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw new Error(`nothing listens on port ${port}`, { cause: error });
    } finally {
      socket.destroy();
    }
  }
}
